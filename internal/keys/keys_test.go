package keys_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/jws"
	"idp/internal/keys"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/store/storetest"
)

type world struct {
	*keys.Manager
	store *store.Store
	ring  *secret.Keyring
	conf  keys.Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ring, err := secret.NewKeyring(secret.GenerateKey())
	must(t, err)
	s := storetest.New(t)
	w := &world{store: s, ring: ring, conf: keys.Config{
		Store: s, Keyring: ring, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		RotateEvery: 90 * 24 * time.Hour, PublishBefore: 24 * time.Hour, MaxTokenLife: 48 * time.Hour,
	}}
	w.Manager = w.replica(t)
	return w
}

// replica is another server on the same database.
func (w *world) replica(t *testing.T) *keys.Manager {
	t.Helper()
	m, err := keys.New(t.Context(), w.conf)
	must(t, err)
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sign(t testing.TB, m *keys.Manager, alg, typ string) string {
	t.Helper()
	token, err := m.Sign(alg, typ, []byte(`{"sub":"ann"}`))
	must(t, err)
	return token
}

func kidOf(t testing.TB, token string) string {
	t.Helper()
	header, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(header)
	must(t, err)
	var h struct{ Alg, Kid, Typ string }
	must(t, json.Unmarshal(b, &h))
	return h.Kid
}

func published(t testing.TB, m *keys.Manager) *jose.JSONWebKeySet {
	t.Helper()
	body, _ := m.JWKS()
	var set jose.JSONWebKeySet
	must(t, json.Unmarshal(body, &set))
	return &set
}

// Another implementation reads what we publish and sign: every algorithm, both kinds of token.
func TestSign_AnotherLibraryVerifies(t *testing.T) { // RP-9
	t.Parallel()
	w := newWorld(t)
	set := published(t, w.Manager)
	if len(set.Keys) != 3 {
		t.Fatalf("got %d keys at first start, want one of each of RS256, ES256, EdDSA", len(set.Keys))
	}
	must(t, w.Ensure(t.Context(), idp.SupportedSigningAlgs()...))
	set = published(t, w.Manager)
	if len(set.Keys) != len(idp.SupportedSigningAlgs()) {
		t.Fatalf("got %d keys, want one of each of %v", len(set.Keys), idp.SupportedSigningAlgs())
	}
	for _, alg := range idp.SupportedSigningAlgs() {
		for _, typ := range []string{keys.TypeIDToken, keys.TypeAccessToken} {
			token := sign(t, w.Manager, alg, typ)
			parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			must(t, err)
			found := set.Key(kidOf(t, token))
			if len(found) != 1 || found[0].Algorithm != alg || found[0].Use != "sig" || !found[0].IsPublic() {
				t.Fatalf("%s: got %d keys %+v for the token's kid, want one public key", alg, len(found), found)
			}
			if payload, err := jws.Verify(parsed, found[0].Key); err != nil || string(payload) != `{"sub":"ann"}` {
				t.Errorf("%s %s: got %q, %v", alg, typ, payload, err)
			}
			if v, ok := w.Verify(token, typ); !ok || string(v.Payload) != `{"sub":"ann"}` {
				t.Errorf("%s %s: our own Verify refuses it", alg, typ)
			}
		}
	}
	body, _ := w.JWKS()
	for _, private := range []string{`"d"`, `"p"`, `"q"`, `"dp"`, `"dq"`, `"qi"`, `"k"`} {
		if strings.Contains(string(body), private) {
			t.Errorf("the JWKS has the private member %s", private)
		}
	}
	for _, k := range set.Keys {
		switch k.Key.(type) {
		case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		default:
			t.Errorf("published a %T", k.Key)
		}
	}
}

// RFC 8725: nothing of an attacker's making in a header has anybody to talk to.
func TestVerify_RefusesWhatSignDoesNotWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := sign(t, w.Manager, "ES256", keys.TypeAccessToken)
	parts := strings.Split(good, ".")
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	kid := kidOf(t, good)
	_, foreignKey, err := ed25519.GenerateKey(nil)
	must(t, err)
	header := encode(fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"typ":"at+jwt"}`, kid))
	foreign := header + "." + parts[1]
	foreign += "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(foreignKey, []byte(foreign)))
	altered := encode(`{"sub":"eve"}`)
	for name, token := range map[string]string{
		"empty":                 "",
		"two parts":             parts[0] + "." + parts[1],
		"four parts":            good + ".x",
		"another payload":       parts[0] + "." + altered + "." + parts[2],
		"no signature":          parts[0] + "." + parts[1] + ".",
		"alg none":              encode(`{"alg":"none"}`) + "." + parts[1] + ".",
		"alg none with our kid": encode(fmt.Sprintf(`{"alg":"none","kid":%q,"typ":"at+jwt"}`, kid)) + "." + parts[1] + ".",
		"HS256 with our kid":    encode(fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":"at+jwt"}`, kid)) + "." + parts[1] + "." + parts[2],
		"another key":           foreign,
		"white space":           good + "\n",
		"white space inside":    good[:len(good)-9] + "\r\n" + good[len(good)-9:],
		"padding":               good + "=",
		"header respelt":        encode(fmt.Sprintf(`{"kid":%q,"alg":"ES256","typ":"at+jwt"}`, kid)) + "." + parts[1] + "." + parts[2],
		"zero signature":        parts[0] + "." + parts[1] + "." + encode(strings.Repeat("\x00", 64)),
		"short signature":       parts[0] + "." + parts[1] + "." + encode("x"),
		"too long":              good + strings.Repeat("A", 32<<10),
	} {
		if _, ok := w.Verify(token, keys.TypeAccessToken); ok {
			t.Errorf("%s: verified", name)
		}
	}
	// RFC 8725 §3.11: a token of one kind is not one of another.
	if _, ok := w.Verify(good, keys.TypeIDToken); ok {
		t.Error("an access token was verified as an ID token")
	}
	if _, ok := w.Verify(sign(t, w.Manager, "RS256", keys.TypeIDToken), keys.TypeAccessToken); ok {
		t.Error("an ID token was verified as an access token")
	}
	// The last letter of base64url has spare bits: only one spelling counts.
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if respelt := good[:len(good)-1] + string(c); respelt != good {
			if _, ok := w.Verify(respelt, keys.TypeAccessToken); ok {
				t.Errorf("a token has a second spelling, ending in %c", c)
			}
		}
	}
}

// A key is seen before it signs, signs, and stays until its last token has expired.
func TestRotateDue_KeyIsPublishedSignsRetiresAndLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := kidOf(t, sign(t, w.Manager, "ES256", keys.TypeIDToken))
		due := func() int {
			n, err := w.RotateDue(t.Context(), time.Now())
			must(t, err)
			return n
		}
		time.Sleep(89*24*time.Hour - time.Second)
		if n := due(); n != 0 {
			t.Fatalf("a second before: made %d keys, want 0", n)
		}
		time.Sleep(time.Second)
		if n := due(); n != 3 {
			t.Fatalf("a day before the end: made %d keys, want one of each", n)
		}
		if n := due(); n != 0 {
			t.Errorf("again: made %d keys, want 0", n)
		}
		if n := len(published(t, w.Manager).Keys); n != 2*3 {
			t.Errorf("published %d keys, want two of each", n)
		}
		if got := kidOf(t, sign(t, w.Manager, "ES256", keys.TypeIDToken)); got != first {
			t.Error("the successor signs before it was seen")
		}
		time.Sleep(24*time.Hour - time.Millisecond)
		old := sign(t, w.Manager, "ES256", keys.TypeAccessToken)
		if kidOf(t, old) != first {
			t.Error("a millisecond before its time the successor signs")
		}
		time.Sleep(time.Millisecond)
		second := kidOf(t, sign(t, w.Manager, "ES256", keys.TypeIDToken))
		if second == first {
			t.Error("at its time the successor does not sign")
		}
		if _, ok := w.Verify(old, keys.TypeAccessToken); !ok {
			t.Error("what the predecessor signed is refused")
		}
		time.Sleep(48 * time.Hour)
		must(t, w.Reload(t.Context()))
		if _, ok := w.Verify(old, keys.TypeAccessToken); ok || w.Published(first) {
			t.Error("the predecessor outlives its last token")
		}
	})
}

func TestWithdraw_WorksAtOnceAndWithASuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.replica(t)
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		token := sign(t, w.Manager, alg, keys.TypeAccessToken)
		kid := kidOf(t, token)
		must(t, w.Withdraw(t.Context(), kid))
		must(t, other.Reload(t.Context()))
		for name, m := range map[string]*keys.Manager{"here": w.Manager, "at another replica": other} {
			if _, ok := m.Verify(token, keys.TypeAccessToken); ok || m.Published(kid) || len(published(t, m).Key(kid)) != 0 {
				t.Errorf("%s: the key of %s still counts", name, alg)
			}
			if next := sign(t, m, alg, keys.TypeAccessToken); kidOf(t, next) == kid {
				t.Errorf("%s: the key of %s still signs", name, alg)
			}
		}
	}
	if err := w.Withdraw(t.Context(), "nothing"); idp.KindOf(err) != idp.NotFound {
		t.Errorf("a key that is not: got %v, want not found", err)
	}
}

// A replica whose clock is late must not take a withdrawn key for a living one.
func TestWithdraw_HoldsForALateClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kid := kidOf(t, sign(t, w.Manager, "ES256", keys.TypeAccessToken))
	must(t, w.Withdraw(t.Context(), kid))
	rows, err := w.store.SigningKeys(t.Context(), time.Now().Add(-4*time.Minute))
	must(t, err)
	for _, k := range rows {
		if k.ID == kid {
			t.Error("four minutes ago, as a late clock says, the withdrawn key lives")
		}
	}
}

func TestRetire_StopsSigningAndStaysPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := sign(t, w.Manager, "EdDSA", keys.TypeIDToken)
	must(t, w.Retire(t.Context(), kidOf(t, token)))
	if _, ok := w.Verify(token, keys.TypeIDToken); !ok {
		t.Error("what it signed is refused")
	}
	if kidOf(t, sign(t, w.Manager, "EdDSA", keys.TypeIDToken)) == kidOf(t, token) {
		t.Error("it still signs")
	}
	must(t, w.Ready())
}

func TestRotate_WorksNowAndLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := kidOf(t, sign(t, w.Manager, "ES256", keys.TypeIDToken))
	next, err := w.Rotate(t.Context(), "ES256")
	must(t, err)
	if next.State != "next" || kidOf(t, sign(t, w.Manager, "ES256", keys.TypeIDToken)) != before {
		t.Errorf("got state %s, want next, and the old key signing", next.State)
	}
	now, err := w.RotateNow(t.Context(), "ES256")
	must(t, err)
	// The key that relying parties have seen already is the one to sign.
	if now.ID != next.ID || now.State != "signing" || kidOf(t, sign(t, w.Manager, "ES256", keys.TypeIDToken)) != next.ID {
		t.Errorf("got key %s in state %s, want %s signing", now.ID, now.State, next.ID)
	}
	again, err := w.RotateNow(t.Context(), "ES256")
	must(t, err)
	states := map[string]string{}
	for _, i := range w.List() {
		if i.Algorithm == "ES256" {
			states[i.ID] = string(i.State)
		}
	}
	if states[before] != "published" || states[next.ID] != "published" || states[again.ID] != "signing" || len(states) != 3 {
		t.Errorf("got %v", states)
	}
	if _, err := w.RotateNow(t.Context(), "HS256"); idp.KindOf(err) != idp.Invalid {
		t.Errorf("an algorithm we do not have: got %v, want invalid", err)
	}
}

func TestNew_ReplicasThatStartTogetherAgree(t *testing.T) {
	t.Parallel()
	ring, err := secret.NewKeyring(secret.GenerateKey())
	must(t, err)
	conf := keys.Config{Store: storetest.New(t), Keyring: ring, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), MaxTokenLife: time.Hour}
	var wg sync.WaitGroup
	bodies := make([]string, 4)
	for i := range bodies {
		wg.Go(func() {
			m, err := keys.New(t.Context(), conf)
			if err != nil {
				t.Errorf("replica %d: %v", i, err)
				return
			}
			body, _ := m.JWKS()
			bodies[i] = string(body)
		})
	}
	wg.Wait()
	for _, b := range bodies[1:] {
		if b != bodies[0] {
			t.Errorf("replicas publish different keys:\n%s\n%s", bodies[0], b)
		}
	}
}

func TestNew_ForeignKeyringIsSaidPlainly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, err := secret.NewKeyring(secret.GenerateKey())
	must(t, err)
	w.conf.Keyring = other
	_, err = keys.New(t.Context(), w.conf)
	if err == nil || !strings.Contains(err.Error(), "key ring") {
		t.Errorf("got %v, want an error that names the key ring", err)
	}
}

// OpenID Connect Core §3.1.3.6, appendix A.3: the example's at_hash.
func TestHalfHash_IsTheSpecificationsExample(t *testing.T) {
	t.Parallel()
	const token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
	for alg, want := range map[string]string{"RS256": "77QmUPtjPfzWtF2AnpK9RQ", "ES256": "77QmUPtjPfzWtF2AnpK9RQ"} {
		if got, err := keys.HalfHash(alg, token); err != nil || got != want {
			t.Errorf("%s: got %q %v, want %q", alg, got, err, want)
		}
	}
	// Half of SHA-256, -384 or -512, by the algorithm's name; Ed25519 uses SHA-512.
	for alg, want := range map[string]int{"RS384": 24, "PS384": 24, "ES384": 24, "RS512": 32, "PS512": 32, "ES512": 32, "EdDSA": 32, "PS256": 16} {
		if got, err := keys.HalfHash(alg, token); err != nil || len(got) != base64.RawURLEncoding.EncodedLen(want) {
			t.Errorf("%s: got %q %v, want %d bytes", alg, got, err, want)
		}
	}
	if _, err := keys.HalfHash("RSA-OAEP", token); err == nil {
		t.Error("RSA-OAEP: no error")
	}
	if _, err := keys.HalfHash("none", token); err == nil {
		t.Error("none: no error")
	}
}

func FuzzVerify(f *testing.F) {
	ring, err := secret.NewKeyring(secret.GenerateKey())
	must(f, err)
	m, err := keys.New(context.Background(), keys.Config{Store: storetest.New(f), Keyring: ring, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), MaxTokenLife: time.Hour})
	must(f, err)
	good := sign(f, m, "ES256", keys.TypeAccessToken)
	f.Add(good)
	f.Fuzz(func(t *testing.T, token string) {
		if _, ok := m.Verify(token, keys.TypeAccessToken); ok && token != good {
			t.Errorf("verified %q, which nobody signed", token)
		}
		if _, ok := m.Verify(token, keys.TypeIDToken); ok {
			t.Errorf("verified %q as an ID token", token)
		}
	})
}
