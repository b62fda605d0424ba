package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"idp/internal/handlers/pages"
	"idp/internal/idp"
	"idp/internal/logctx"
)

// ServeHTTP is what every request goes through: who sends it, a deadline, its handler, one line in the log.
func (f *frame) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	f.Health.letGo(w)
	if p, ok := f.prepared[r.URL.Path]; ok && r.Method == http.MethodGet && !f.Logger.Enabled(r.Context(), slog.LevelDebug) {
		f.servePrepared(w, r, p, started)
		return
	}
	peer := f.proxies.peer(r, f.Certificates)
	ctx := logctx.With(idp.WithPeer(r.Context(), peer), logctx.IDs{Request: peer.RequestID})
	ctx, event := logctx.NewEvent(ctx)
	clock := withDeadline(ctx, started.Add(f.RequestTimeout))
	defer clock.end()
	ctx = clock
	r = r.WithContext(ctx)

	rec := &recorder{ResponseWriter: w, route: f.unknown}
	f.documents.set(w.Header())
	w.Header().Set("X-Request-Id", peer.RequestID)
	completed := false
	defer func() {
		if !completed {
			rec.aborted = true // the handler gave the connection up on purpose, or could not answer properly
		}
		f.finish(ctx, r, rec, event, peer, time.Since(started))
	}()
	f.guarded(rec, r)
	completed = true
}

// guarded runs the handler. A panic is answered with 500, and told to the log only.
func (f *frame) guarded(rec *recorder, r *http.Request) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(fault)
		}
		f.Logger.ErrorContext(r.Context(), "handler panicked", slog.String("panic", fmt.Sprint(fault)), slog.String("stack", string(debug.Stack())))
		if rec.status != 0 {
			panic(http.ErrAbortHandler) // half an answer must not look whole
		}
		if rec.to == people {
			f.Pages.Error(rec, r, pages.Failure{Status: http.StatusInternalServerError, Code: "internal"})
			return
		}
		h := rec.Header()
		h.Set("Content-Type", idp.MediaJSON)
		h.Set("Cache-Control", "no-store")
		rec.WriteHeader(http.StatusInternalServerError)
		_, _ = rec.Write([]byte(`{"error":"` + idp.CodeServerError + `"}`)) // nobody left to tell
	}()
	if f.strays(r.URL.Path) {
		f.stray.ServeHTTP(rec, r)
		return
	}
	f.mux.ServeHTTP(rec, r)
}

// strays reports whether the mux would redirect a path, to a cleaner one or to one with a slash at the end. It does so with 307, which sends a
// form's password on (RFC 9700 §4.12), so such a path is nowhere.
func (f *frame) strays(p string) bool {
	clean := path.Clean(p)
	if clean != p && clean+"/" != p {
		return true
	}
	rest, ours := strings.CutPrefix(p, f.base)
	return ours && (rest == pathAPI || rest == pathStatic)
}

// around wraps a route with what its audience needs.
func (f *frame) around(m mounted) http.Handler {
	limit := f.BodyLimit
	if m.to == admins {
		limit = f.APIBodyLimit
	}
	metrics := f.Metrics.route(m.pattern)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rec, ok := w.(*recorder); ok {
			rec.route, rec.to = metrics, m.to
		}
		if m.to != programs {
			f.headers.set(w.Header())
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		switch m.to {
		case people:
			if r.ContentLength > limit { // before a byte of it is read
				f.Pages.Error(w, r, pages.Failure{Status: http.StatusRequestEntityTooLarge, Code: "too_large"})
				return
			}
			// FS-47, SEC-5, RFC 6749 §10.12: a browser says where a form comes from. The token of the form is the second check.
			if err := f.cross.Check(r); err != nil {
				f.Pages.Error(w, r, pages.Failure{Status: http.StatusForbidden, Code: "cross_site"})
				return
			}
		case programs:
			if m.public && open(w, r, m.methods) || m.cors && f.preflight(w, r) {
				return
			}
		}
		m.handler.ServeHTTP(w, r)
	})
}

// finish counts the request and writes its one line. Neither has anything of the query: codes and states stand there.
func (f *frame) finish(ctx context.Context, r *http.Request, rec *recorder, event *logctx.Event, peer idp.Peer, took time.Duration) {
	status := rec.status
	if status == 0 {
		status = http.StatusOK
	}
	if rec.aborted {
		status = statusAborted
	}
	rec.route.count(status, took)
	level := slog.LevelInfo
	if rec.to == assets && status < http.StatusInternalServerError {
		level = slog.LevelDebug
	}
	facts := [...]slog.Attr{
		slog.String("method", short(r.Method)), slog.String("route", rec.route.name), slog.Int("status", status),
		slog.Int64("bytes", rec.bytes), slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.String("address", peer.Address),
	}
	logctx.Line(ctx, f.Logger, level, "request", facts[:], event)
}

// statusAborted stands in the log where the connection was given up before a whole answer.
const statusAborted = 499

// short bounds a method: any token is one.
func short(method string) string { return method[:min(len(method), 16)] }

// recorder notes how a request was answered.
type recorder struct {
	http.ResponseWriter
	route   *routeMetrics
	to      audience
	status  int
	bytes   int64
	aborted bool
}

// WriteHeader notes the status.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write notes the size.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
