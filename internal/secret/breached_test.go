package secret

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/internal/idp"
)

const breachedPassword = "iloveyou-and-my-dog"

// rangeServer answers like the range API, and remembers everything it was told.
type rangeServer struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string
	answer func(w http.ResponseWriter, r *http.Request)
}

func newRangeServer(t *testing.T, answer func(http.ResponseWriter, *http.Request)) *rangeServer {
	t.Helper()
	s := &rangeServer{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var raw strings.Builder
		_ = r.Write(&raw)
		s.mu.Lock()
		s.asked = append(s.asked, raw.String())
		s.mu.Unlock()
		s.answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func hexDigest(password string) string {
	sum := sha1.Sum([]byte(password))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func listing(password string, count int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "0018A45C4D1DEF81644B54AB7F969B88D65:0\r\n%s:%d\r\n00D4F6E8FA6EECAD2A3AA415EEC418D38EC:2", hexDigest(password)[5:], count)
	}
}

func newBreached(t *testing.T, mode BreachedMode, url string) *Breached {
	t.Helper()
	b, err := NewBreached(BreachedConfig{Mode: mode, URL: url, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBreached_RefusesWhatIsListed(t *testing.T) { // FS-25
	t.Parallel()
	server := newRangeServer(t, listing(breachedPassword, 3))
	for _, mode := range []BreachedMode{BreachedNormal, BreachedStrict} {
		b := newBreached(t, mode, server.URL+"/range")
		if unchecked, err := b.Check(t.Context(), breachedPassword); idp.KindOf(err) != idp.Invalid || err == nil || unchecked != nil {
			t.Errorf("%s: got %v, %v, want a refusal", mode, unchecked, err)
		}
		if unchecked, err := b.Check(t.Context(), "another password, unknown"); err != nil || unchecked != nil {
			t.Errorf("%s: got %v, %v, want accepted", mode, unchecked, err)
		}
	}
}

func TestBreached_PaddingIsNoSighting(t *testing.T) { // FS-25
	t.Parallel()
	server := newRangeServer(t, listing(breachedPassword, 0))
	if _, err := newBreached(t, BreachedStrict, server.URL).Check(t.Context(), breachedPassword); err != nil {
		t.Errorf("got %v, want accepted", err)
	}
}

func TestBreached_OnlyFiveDigitsLeave(t *testing.T) { // FS-25
	t.Parallel()
	server := newRangeServer(t, listing(breachedPassword, 1))
	_, _ = newBreached(t, BreachedStrict, server.URL+"/range/").Check(t.Context(), breachedPassword)
	if len(server.asked) != 1 {
		t.Fatalf("got %d questions, want 1", len(server.asked))
	}
	digest := hexDigest(breachedPassword)
	got := server.asked[0]
	if !strings.HasPrefix(got, "GET /range/"+digest[:5]+" HTTP/1.1\r\n") {
		t.Errorf("got %q", got)
	}
	if strings.Contains(strings.ToUpper(got), digest[:6]) || strings.Contains(got, breachedPassword) {
		t.Errorf("more than five digits left: %q", got)
	}
	if !strings.Contains(got, "Add-Padding: true") {
		t.Errorf("no padding was asked for: %q", got)
	}
}

func TestBreached_ServerThatDoesNotAnswer(t *testing.T) { // FS-25
	t.Parallel()
	elsewhere := newRangeServer(t, listing(breachedPassword, 9))
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"error":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"malformed": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "%s:many", hexDigest(breachedPassword)[5:])
		},
		"long line": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("A", 1<<20)) },
		"hangs": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newRangeServer(t, answer)
			for _, mode := range []BreachedMode{BreachedNormal, BreachedStrict} {
				b, err := NewBreached(BreachedConfig{Mode: mode, URL: server.URL, Timeout: 200 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				unchecked, err := b.Check(t.Context(), breachedPassword)
				if mode == BreachedNormal && (err != nil || unchecked == nil) {
					t.Errorf("normal: got %v, %v, want accepted with a reason", unchecked, err)
				}
				if mode == BreachedStrict && idp.KindOf(err) != idp.Unavailable {
					t.Errorf("strict: got %v, want Unavailable", err)
				}
				for _, e := range []error{unchecked, err} {
					if e != nil && strings.Contains(e.Error(), hexDigest(breachedPassword)[:5]) {
						t.Errorf("the error shows the digits: %v", e)
					}
				}
			}
		})
	}
	t.Cleanup(func() { // the parallel cases run after this function's body
		if len(elsewhere.asked) != 0 {
			t.Error("a redirect was followed")
		}
	})
}

func TestNewBreached_IsOffByDefaultAndChecksItsSettings(t *testing.T) { // FS-25
	t.Parallel()
	b, err := NewBreached(BreachedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if unchecked, err := b.Check(t.Context(), breachedPassword); unchecked != nil || err != nil {
		t.Errorf("got %v, %v, want nothing asked", unchecked, err)
	}
	for _, c := range []BreachedConfig{
		{Mode: "loud", URL: "https://range.example/"},
		{Mode: BreachedNormal},
		{Mode: BreachedNormal, URL: "range.example"},
		{Mode: BreachedStrict, URL: "file:///etc/passwd"},
		{Mode: BreachedStrict, URL: "https://range.example/?q="},
	} {
		if _, err := NewBreached(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}
