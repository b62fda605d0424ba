package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"idp/internal/handlers"
)

// silent is an answer that nobody reads.
type silent struct{ header http.Header }

func (s silent) Header() http.Header         { return s.header }
func (s silent) Write(b []byte) (int, error) { return len(b), nil }
func (s silent) WriteHeader(int)             {}

// TestFrame_CostsLittle bounds what the frame adds to a token request: allocations are exact where time is not.
func TestFrame_CostsLittle(t *testing.T) { // performance.md, design rules
	s := newSite(t, func(o *options) {
		o.routes = []handlers.Route{{Pattern: "/test", CORS: true, Handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }}}
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, s.issuer+"/test", nil)
	w := silent{http.Header{}}
	const most = 40
	if got := testing.AllocsPerRun(200, func() { clear(w.header); s.handler.ServeHTTP(w, r) }); got > most {
		t.Errorf("%.0f allocations around a request, want at most %d", got, most)
	}
}
