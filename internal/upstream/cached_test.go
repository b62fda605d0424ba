package upstream

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/panics"
)

func TestCached_APanicIsAFailedFetch(t *testing.T) { // nothing else catches it outside of a request
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		broken := true
		c := &cached[string]{what: "jwks", logger: slog.New(slog.NewTextHandler(&log, nil)), fetch: func(context.Context) (string, error) {
			if broken {
				panic("hostile") // as a library does over a text that it did not expect
			}
			return "read", nil
		}}
		_, err := c.get(t.Context())
		if caught := (*panics.Error)(nil); !errors.As(err, &caught) || !strings.Contains(caught.Where, "cached_test.go") {
			t.Fatalf("got %v, want the panic and its place", err)
		}
		broken = false
		time.Sleep(2 * time.Second) // the back-off of one failure
		if got, err := c.get(t.Context()); got != "read" || err != nil {
			t.Fatalf("afterwards: got %q, %v", got, err)
		}
		// Behind a usable copy nobody is told but the log.
		broken = true
		time.Sleep(freshFor)
		if got, err := c.get(t.Context()); got != "read" || err != nil {
			t.Errorf("the usable copy: got %q, %v", got, err)
		}
		synctest.Wait()
		if text := log.String(); !strings.Contains(text, "panic: hostile") || !strings.Contains(text, "cached_test.go") {
			t.Errorf("got the log %q, want the cause and its place", text)
		}
	})
}
