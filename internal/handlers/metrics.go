package handlers

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/trace"
)

// MetricsConfig names what the figures are read from. What is nil is left out.
type MetricsConfig struct {
	Audit        *audit.Log
	Traces       *trace.Recorder
	HashQueue    func() (running, waiting int)
	DatabasePool func() (used, idle, most int)
	Version      string
}

// Metrics counts. Requests find their counters by pointer: no label is looked up while somebody waits. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	issued   map[string]prometheus.Counter
	other    prometheus.Counter
}

// routeMetrics are the counters of one route.
type routeMetrics struct {
	name     string
	classes  [6]prometheus.Counter // by the first digit of the status
	duration prometheus.Observer
}

// NewMetrics returns counters in a registry of their own.
func NewMetrics(c MetricsConfig) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idp_http_requests_total", Help: "Requests answered, by route and class of status.",
		}, []string{"route", "class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "idp_http_request_duration_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		issued: map[string]prometheus.Counter{},
	}
	tokens := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idp_tokens_issued_total", Help: "Token requests answered with tokens, by grant.",
	}, []string{"grant_type"})
	for _, grant := range idp.SupportedGrantTypes() {
		m.issued[grant] = tokens.WithLabelValues(grant)
	}
	m.other = tokens.WithLabelValues("other")
	m.registry.MustRegister(m.requests, m.duration, tokens, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newGauges(c))
	return m
}

// Issued counts an answered token request (oauth.Config.IssuedTokens).
func (m *Metrics) Issued(grantType string) {
	if c, ok := m.issued[grantType]; ok {
		c.Inc()
		return
	}
	m.other.Inc()
}

// Handler shows the figures in the format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// route returns the counters of one route, found once, when it is mounted.
func (m *Metrics) route(name string) *routeMetrics {
	r := &routeMetrics{name: name, duration: m.duration.WithLabelValues(name)}
	for i, class := range [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"} {
		if i >= 2 {
			r.classes[i] = m.requests.WithLabelValues(name, class)
		}
	}
	return r
}

func (r *routeMetrics) count(status int, took time.Duration) {
	if class := status / 100; class >= 2 && class < len(r.classes) {
		r.classes[class].Inc()
	}
	r.duration.Observe(took.Seconds())
}
