package handlers

import (
	"net/http"
	"net/http/pprof"
)

// Ops names what the operators' side shows.
type Ops struct {
	Health  *Health
	Metrics *Metrics // nil: no figures
	Dev     bool     // profiles, which show more of the process than a network should see
}

// NewOps returns the operators' side, which listens on a port of its own.
func NewOps(o Ops) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", o.Health.Live)
	mux.HandleFunc("/health/live", o.Health.Live)
	mux.HandleFunc("/readyz", o.Health.Ready)
	mux.HandleFunc("/health/ready", o.Health.Ready)
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics.Handler())
	}
	if o.Dev {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	plain := newHeaders(false)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		plain.set(w.Header())
		mux.ServeHTTP(w, r)
	})
}
