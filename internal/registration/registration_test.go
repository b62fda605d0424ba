package registration

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/audit"
	"idp/internal/clientkeys"
	"idp/internal/idp"
	"idp/internal/keys/keystest"
	"idp/internal/store/storetest"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// signed makes a software statement.
func signed(t *testing.T, key *ecdsa.PrivateKey, alg jose.SignatureAlgorithm, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return keystest.Sign(t, signer, payload)
}

func newKey(t *testing.T) (*ecdsa.PrivateKey, idp.ClientKeys) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return key, idp.ClientKeys{JWKS: set}
}

func statements(t *testing.T) (*Service, *ecdsa.PrivateKey) {
	t.Helper()
	key, set := newKey(t)
	keys := clientkeys.New(clientkeys.Config{Logger: quiet})
	return &Service{Config{Statements: &Statements{
		Issuers: map[string]idp.ClientKeys{"https://directory.example": set},
		Verify: func(ctx context.Context, signer *idp.Client, compact string, algs []string) ([]byte, error) {
			payload, _, err := keys.Verify(ctx, signer, compact, algs)
			return payload, err
		},
	}}}, key
}

func TestStatement_TakesPrecedence(t *testing.T) { // RFC 7591 §2.3
	t.Parallel()
	s, key := statements(t)
	compact := signed(t, key, jose.ES256, map[string]any{
		"iss": "https://directory.example", "client_name": "Vouched", "redirect_uris": []string{"https://vouched.example/cb"}, "scope": "openid", "exp": time.Now().Add(time.Hour).Unix(), "trusted": true,
	})
	raw, _ := json.Marshal(compact)
	got, err := s.applyStatement(t.Context(), map[string]json.RawMessage{
		memberStatement: raw, "client_name": json.RawMessage(`"Claimed"`), "redirect_uris": json.RawMessage(`["https://evil.example/cb"]`), "tos_uri": json.RawMessage(`"https://vouched.example/tos"`),
		"client_name#de": json.RawMessage(`"Ihre Bank"`), "tos_uri#de": json.RawMessage(`"https://vouched.example/agb"`),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &idp.Client{}
	if err := read(got, c); err != nil {
		t.Fatal(err)
	}
	if c.Name != "Vouched" || c.RedirectURIs[0] != "https://vouched.example/cb" || c.TosURI == "" || c.Trusted || c.Scopes[0] != "openid" {
		t.Errorf("got %+v, want what the statement says before what the client says", c)
	}
	if len(c.Localized) != 1 || c.Localized["tos_uri#de"] == "" {
		t.Errorf("got %v, want no other name in another language beside the statement's", c.Localized)
	}
}

func TestStatement_OnlyOfWhomTheOperatorTrusts(t *testing.T) { // RFC 7591 §2.3, §3.2.2; SEC-17
	t.Parallel()
	s, key := statements(t)
	other, _ := newKey(t)
	claims := func(more map[string]any) map[string]any {
		out := map[string]any{"iss": "https://directory.example", "client_name": "x"}
		for name, value := range more {
			out[name] = value
		}
		return out
	}
	good := signed(t, key, jose.ES256, claims(nil))
	parts := strings.Split(good, ".")
	for name, c := range map[string]struct{ compact, code string }{
		"another issuer":      {signed(t, key, jose.ES256, claims(map[string]any{"iss": "https://other.example"})), idp.CodeUnapprovedSoftwareStatement},
		"no issuer":           {signed(t, key, jose.ES256, map[string]any{"client_name": "x"}), idp.CodeUnapprovedSoftwareStatement},
		"another key":         {signed(t, other, jose.ES256, claims(nil)), idp.CodeInvalidSoftwareStatement},
		"expired":             {signed(t, key, jose.ES256, claims(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})), idp.CodeInvalidSoftwareStatement},
		"not yet":             {signed(t, key, jose.ES256, claims(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()})), idp.CodeInvalidSoftwareStatement},
		"an exp that is text": {signed(t, key, jose.ES256, claims(map[string]any{"exp": "never"})), idp.CodeInvalidSoftwareStatement},
		"no signature":        {"eyJhbGciOiJub25lIn0." + parts[1] + ".", idp.CodeInvalidSoftwareStatement},
		"changed":             {parts[0] + "." + parts[1][:len(parts[1])-2] + "AA." + parts[2], idp.CodeInvalidSoftwareStatement},
		"no JWT":              {"hello", idp.CodeInvalidSoftwareStatement},
		"too long":            {strings.Repeat("a", maxStatement+1), idp.CodeInvalidSoftwareStatement},
	} {
		raw, _ := json.Marshal(c.compact)
		_, err := s.applyStatement(t.Context(), map[string]json.RawMessage{memberStatement: raw})
		if known := (*idp.Error)(nil); !errors.As(err, &known) || known.Code != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
	s.NeedStatement = true
	if _, err := s.applyStatement(t.Context(), nil); err == nil {
		t.Error("a registration without the statement that is needed is taken")
	}
}

func TestParseIssuer_NamesKeysOrAFile(t *testing.T) {
	t.Parallel()
	_, set := newKey(t)
	file := func(text string) func(string) ([]byte, error) {
		return func(string) ([]byte, error) { return []byte(text), nil }
	}
	if issuer, keys, err := ParseIssuer("https://d.example=https://d.example/jwks", nil); err != nil || issuer != "https://d.example" || keys.JWKSURI != "https://d.example/jwks" {
		t.Errorf("got %s, %+v, %v", issuer, keys, err)
	}
	if _, keys, err := ParseIssuer("https://d.example=keys.json", file(string(set.JWKS))); err != nil || len(keys.JWKS) == 0 {
		t.Errorf("got %+v, %v", keys, err)
	}
	for _, bad := range []string{"https://d.example", "=x", "https://d.example="} {
		if _, _, err := ParseIssuer(bad, file("{}")); err == nil {
			t.Errorf("%s: taken", bad)
		}
	}
	if _, _, err := ParseIssuer("d=f", file(`{"keys":[{"kty":"oct","k":"AAAA"}]}`)); err == nil {
		t.Error("a symmetric key is taken")
	}
}

func TestFreshness_IsTheAnswersWithinBounds(t *testing.T) { // RFC 9111 §4.2.1
	t.Parallel()
	at := time.Now()
	for text, want := range map[string]time.Duration{
		"": usuallyFresh, "max-age=600": 10 * time.Minute, "max-age=1": leastFresh, "max-age=99999999999": mostFresh, "max-age=-5": leastFresh, "max-age=x": usuallyFresh,
		"no-store": leastFresh, "public, max-age=7200, must-revalidate": 2 * time.Hour, "NO-CACHE": leastFresh,
	} {
		h := http.Header{}
		if text != "" {
			h.Set("Cache-Control", text)
		}
		if got := freshness(h, at); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	expires := http.Header{"Expires": {at.Add(30 * time.Minute).UTC().Format(http.TimeFormat)}}
	if got := freshness(expires, at); got < 29*time.Minute || got > 30*time.Minute {
		t.Errorf("Expires: got %s, want half an hour", got)
	}
}

// What the settings say today counts for rows of yesterday too, at every endpoint.
func TestRefused_IsWhatTheTrustRuleNoLongerTakes(t *testing.T) {
	t.Parallel()
	stranger := &idp.Client{ID: "https://a.example/c", ManagedBy: idp.ManagedByDocument}
	byHost := &idp.Client{ID: "https://a.example/c", ManagedBy: idp.ManagedByDocumentApproved, ClientOrigin: idp.ClientOrigin{ByHost: true}}
	approved := &idp.Client{ID: "https://a.example/c", ManagedBy: idp.ManagedByDocumentApproved}
	registered := &idp.Client{ID: "a", ManagedBy: idp.ManagedByOpen}
	for _, c := range []struct {
		trust   Trust
		hosts   []string
		refused []*idp.Client
	}{
		{TrustNone, []string{"a.example"}, []*idp.Client{stranger, byHost, approved}},
		{"", nil, []*idp.Client{stranger, byHost}},
		{TrustHosts, nil, []*idp.Client{stranger, byHost}},
		{TrustHosts, []string{"a.example"}, nil},
		{TrustApproval, nil, []*idp.Client{stranger, byHost}},
		{TrustAll, nil, nil},
	} {
		refused := Refused(c.trust, c.hosts)
		for _, client := range []*idp.Client{stranger, byHost, approved, registered} {
			if want := slices.Contains(c.refused, client); refused(client) != want {
				t.Errorf("%s %v: %s by host %v is refused %v, want %v", c.trust, c.hosts, client.ManagedBy, client.ByHost, !want, want)
			}
		}
	}
}

func TestSweep_TakesWhatNobodyUses(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	at := now()
	for id, source := range map[string]string{
		"open": idp.ManagedByOpen, "approved": idp.ManagedByOpenApproved, "token": idp.ManagedByToken, "ours": "",
		"https://a.example/c": idp.ManagedByDocument, "https://b.example/c": idp.ManagedByDocumentApproved,
	} {
		if err := s.CreateClient(t.Context(), &idp.Client{ID: id, ManagedBy: source, CreatedAt: at.Add(-time.Hour), UpdatedAt: at.Add(-time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	sweeper := &Sweeper{Store: s, Audit: audit.New(audit.Config{Store: s, Logger: quiet}), After: 30 * time.Minute}
	if n, err := sweeper.Sweep(t.Context(), at.Add(-31*time.Minute)); n != 0 || err != nil {
		t.Errorf("too early: %d went, %v", n, err)
	}
	if n, err := sweeper.Sweep(t.Context(), at); n != 2 || err != nil {
		t.Errorf("%d went, %v, want the two that nobody vouched for", n, err)
	}
	for _, id := range []string{"approved", "token", "ours", "https://b.example/c"} {
		if _, err := s.Client(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func FuzzRegistration(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		members, err := readMembers(body, maxDocument)
		if err != nil {
			return
		}
		c := &idp.Client{ID: "a", Contract: idp.DefaultContract(), ManagedBy: idp.ManagedByOpen}
		if read(members, c) != nil {
			return
		}
		if c.Trusted || c.Disabled || c.ID != "a" || c.ManagedBy != idp.ManagedByOpen || len(c.Secrets) > 0 {
			t.Errorf("a document said what only an operator says: %+v", c)
		}
		_ = refusal(c.Validate())
		if _, err := json.Marshal(show(c)); err != nil {
			t.Errorf("the answer cannot be written: %v", err)
		}
	})
}
