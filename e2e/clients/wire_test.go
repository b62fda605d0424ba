package clients

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// wire keeps the answers of the token endpoint, byte for byte, as they came.
type wire struct {
	base   http.RoundTripper
	mu     sync.Mutex
	tokens [][]byte
}

// RoundTrip passes the request on.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.base.RoundTrip(r)
	if err != nil || !strings.HasSuffix(r.URL.Path, "/token") {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close() // read to its end
	res.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens = append(w.tokens, body)
	return res, err
}

// taken returns what came so far.
func (w *wire) taken() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.tokens)
}

// part decodes one part of a JWT: 0 the header, 1 the claims.
func part(t testing.TB, token string, n int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("want a signed JWT, got %q", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[n])
	if err != nil {
		t.Fatalf("decode a JWT: %v", err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatalf("read a JWT: %v", err)
	}
	return object
}

// kid returns the key that signed a token.
func kid(t testing.TB, token string) string {
	t.Helper()
	id, _ := part(t, token, 0)["kid"].(string)
	if id == "" {
		t.Fatalf("the token's header has no kid: %v", part(t, token, 0))
	}
	return id
}

// kids returns the published keys.
func (s *site) kids(t testing.TB) []string {
	t.Helper()
	res, err := http.Get(s.Issuer + "/.well-known/jwks.json")
	if err != nil {
		t.Fatalf("read the key set: %v", err)
	}
	defer res.Body.Close()
	var set struct {
		Keys []struct {
			Kid string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
		t.Fatalf("read the key set: %v", err)
	}
	var all []string
	for _, k := range set.Keys {
		all = append(all, k.Kid)
	}
	return all
}

// spend spends a refresh token as a's client and returns the error's code, "" if there is none.
func (a *app) spend(t testing.TB, refreshToken string) string {
	t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.site.Issuer+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(a.id(), appSecret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	defer res.Body.Close()
	var got struct {
		Error string `json:"error"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatalf("refresh: status %d: %v", res.StatusCode, err)
	}
	if want := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[got.Error == ""]; res.StatusCode != want {
		t.Errorf("refresh: status %d with error %q, want %d", res.StatusCode, got.Error, want)
	}
	return got.Error
}
