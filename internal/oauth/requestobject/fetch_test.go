package requestobject

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"idp/internal/idp"
	"idp/internal/outbound"
)

// A client that has filled its own line with addresses that hang may name another's address too. That it has to wait is its own matter.
func TestFetch_TheLineOfOneClientIsNotAnothers(t *testing.T) { // cache poisoning
	t.Parallel()
	out, err := outbound.New(outbound.Config{Allow: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	r := New(Config{Outbound: out})
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "object") }))
	t.Cleanup(good.Close)
	elsewhere, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:0") // another host
	if err != nil {
		t.Fatal(err)
	}
	hanging := &httptest.Server{Listener: elsewhere, Config: &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}} //nolint:gosec // nobody slow
	hanging.Start()
	t.Cleanup(hanging.Close)
	t.Cleanup(hanging.CloseClientConnections)

	asks := func(ctx context.Context, id, uri string) (string, error) {
		return r.Fetch(ctx, &idp.Client{ID: id, ClientRequests: idp.ClientRequests{RequestURIs: []string{uri}}}, uri)
	}
	const many = 80 // more than a line holds
	refused := make(chan error, many)
	for i := range many {
		go func() {
			_, err := asks(t.Context(), "greedy", fmt.Sprint(hanging.URL, "/", i))
			refused <- err
		}()
	}
	if err := <-refused; !errors.Is(err, outbound.ErrBusy) {
		t.Fatalf("got %v, want a full line", err)
	}
	if _, err := asks(t.Context(), "greedy", good.URL); !errors.Is(err, outbound.ErrBusy) {
		t.Fatalf("the greedy client: got %v, want a full line", err)
	}
	if text, err := asks(t.Context(), "other", good.URL); text != "object" || err != nil {
		t.Errorf("the other client: got %q, %v", text, err)
	}
}
