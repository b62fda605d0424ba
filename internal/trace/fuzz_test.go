package trace

import (
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"idp/internal/idp"
)

// FuzzRecorded: what a request brought is kept in a trace as bounded text, without what would cost a row or act on a terminal.
func FuzzRecorded(f *testing.F) {
	r := New(Config{Retention: time.Hour})
	f.Fuzz(func(t *testing.T, client, received string) {
		one := r.Begin("", "token", time.Unix(1000, 0))
		one.SetClient(client)
		for range checksMost + 1 {
			one.Fail(idp.Check{Name: "n", Expected: client, Received: received})
		}
		if len(one.Checks) != checksMost {
			t.Fatalf("%d checks are kept", len(one.Checks))
		}
		for _, text := range []string{one.ClientID, one.Checks[0].Expected, one.Checks[0].Received} {
			if !utf8.ValidString(text) || len(text) > 4*valueMost {
				t.Fatalf("%q, %q: kept %q", client, received, text)
			}
			for _, c := range text {
				if unicode.IsControl(c) {
					t.Fatalf("%q, %q: kept %q", client, received, text)
				}
			}
		}
	})
}
