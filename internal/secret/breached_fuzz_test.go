package secret

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// ranges is a range server that answers every question with the same text.
type ranges []byte

// RoundTrip implements http.RoundTripper.
func (b ranges) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(b))}, nil
}

// FuzzRangeAnswer: whatever a server of breached passwords answers, a password is refused only where its digest is in the answer.
func FuzzRangeAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := NewBreached(BreachedConfig{Mode: BreachedNormal, URL: "https://ranges.example/range", Timeout: time.Second, Client: &http.Client{Transport: ranges(text)}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Check(t.Context(), breachedPassword)
		if err != nil && !strings.Contains(strings.ToUpper(string(text)), hexDigest(breachedPassword)[rangeDigits:]) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
