package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"idp/internal/keys"
	"idp/internal/store"
)

const (
	pingTimeout = time.Second
	// readyFor is how long an answer of the database counts, so that a stranger who asks all day does not reach it each time.
	readyFor = 250 * time.Millisecond
)

// HealthConfig names what readiness looks at.
type HealthConfig struct {
	Store  *store.Store
	Keys   *keys.Manager
	Logger *slog.Logger
}

// Health answers load balancers and orchestrators. It is safe for concurrent use.
type Health struct {
	HealthConfig
	draining atomic.Bool

	mu     sync.Mutex
	looked time.Time
	state  string
}

// NewHealth returns the health of a server that has started.
func NewHealth(c HealthConfig) *Health { return &Health{HealthConfig: c} }

// Drain makes the server not ready, for good: it has been told to stop, and whoever sends requests should send them elsewhere.
func (h *Health) Drain() { h.draining.Store(true) }

// letGo tells whoever keeps a connection to a server that has been told to stop to open the next one elsewhere: a request that is sent while the
// server closes its connections is lost, and a proxy repeats none that might have done something.
func (h *Health) letGo(w http.ResponseWriter) {
	if h.draining.Load() {
		w.Header().Set("Connection", "close")
	}
}

// Live says that the process answers. It looks at nothing outside: a restart mends no database.
func (h *Health) Live(w http.ResponseWriter, r *http.Request) { answerHealth(w, r, "ok") }

// Ready says whether requests should come here: not while shutting down, without a database, or without a key to sign with.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	if h.draining.Load() {
		answerHealth(w, r, "shutting down")
		return
	}
	answerHealth(w, r, h.look(r.Context()))
}

// look returns "ok" or what is missing, in words that tell a stranger nothing.
func (h *Health) look(ctx context.Context) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != "" && time.Since(h.looked) < readyFor {
		return h.state
	}
	state := "ok"
	// Not the request's own context: the next one who asks gets this answer too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	var err error
	if err = h.Store.Engine().Ping(ctx); err != nil {
		state = "database does not answer"
	} else if err = h.Keys.Ready(); err != nil {
		state = "no signing key"
	}
	if state != h.state && err != nil {
		h.Logger.WarnContext(ctx, "not ready", slog.String("state", state), slog.Any("error", err))
	}
	h.state, h.looked = state, time.Now()
	return state
}

func answerHealth(w http.ResponseWriter, r *http.Request, state string) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if state != "ok" {
		header.Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write([]byte(state + "\n")) // nobody left to tell
}
