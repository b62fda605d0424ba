package clientkeys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/keys/keystest"
	"idp/internal/outbound"
)

// agingKeys are keys with a clock that a test puts forward.
type agingKeys struct {
	*Keys
	ahead atomic.Int64
}

func (k *agingKeys) age(by time.Duration) { k.ahead.Add(int64(by)) }

func newKeys(t testing.TB) *agingKeys {
	t.Helper()
	out, err := outbound.New(outbound.Config{Allow: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	k := &agingKeys{Keys: New(Config{Outbound: out, Logger: slog.New(slog.DiscardHandler)})}
	b := bounds()
	b.Now = func() time.Time { return time.Now().Add(time.Duration(k.ahead.Load())) }
	k.published = outbound.NewMemory[[]jose.JSONWebKey](b)
	return k
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// jwk is the public half of a key, as a client publishes it.
func jwk(key crypto.Signer, kid, use, alg string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: use, Algorithm: alg}
}

func jwks(t testing.TB, keys ...any) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sign(t testing.TB, key any, alg, payload string, header map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for name, value := range header {
		options.ExtraHeaders[jose.HeaderKey(name)] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	return keystest.Sign(t, signer, []byte(payload))
}

func TestVerify_EachAlgorithmAndNoOther(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, p384, p521 := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521())
	c := &idp.Client{ID: "app", ClientKeys: idp.ClientKeys{JWKS: jwks(t, jwk(rsaKey, "r", "", ""), jwk(p256, "2", "sig", ""), jwk(p384, "3", "", ""), jwk(p521, "5", "", ""), jwk(ed, "e", "", ""))}}
	k := newKeys(t)
	for alg, key := range map[string]any{
		"RS256": rsaKey, "RS384": rsaKey, "RS512": rsaKey, "PS256": rsaKey, "PS384": rsaKey, "PS512": rsaKey,
		"ES256": p256, "ES384": p384, "ES512": p521, "EdDSA": ed, idp.AlgEd25519: keystest.Ed25519{Signer: ed},
	} {
		token := sign(t, key, alg, "words", map[string]any{"typ": "x"})
		payload, header, err := k.Verify(t.Context(), c, token, idp.SupportedSigningAlgs())
		if err != nil || string(payload) != "words" || header.Algorithm != alg || header.ExtraHeaders["typ"] != "x" {
			t.Errorf("%s: got %q, %+v, %v", alg, payload, header, err)
		}
		other := "RS256"
		if alg == other {
			other = "PS256"
		}
		if _, _, err := k.Verify(t.Context(), c, token, []string{other}); !errors.Is(err, ErrSignature) {
			t.Errorf("%s where %s is wanted: got %v", alg, other, err)
		}
	}
}

// Sets should not have one kid for several keys, but some do: type, use and algorithm tell which is meant, and of two that are alike either may be.
func TestVerify_KeysMayShareAKid(t *testing.T) { // FAPI 2.0 Security Profile §5.4.3
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	first, second, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	c := &idp.Client{ID: "app", ClientKeys: idp.ClientKeys{JWKS: jwks(t, jwk(rsaKey, "k", "", ""), jwk(first, "k", "sig", ""), jwk(second, "k", "", "ES256"), jwk(other, "k", "enc", ""))}}
	k := newKeys(t)
	for name, token := range map[string]string{
		"RSA": sign(t, rsaKey, "PS256", "words", map[string]any{"kid": "k"}), "first": sign(t, first, "ES256", "words", map[string]any{"kid": "k"}),
		"second": sign(t, second, "ES256", "words", map[string]any{"kid": "k"}),
	} {
		if payload, _, err := k.Verify(t.Context(), c, token, idp.SupportedSigningAlgs()); err != nil || string(payload) != "words" {
			t.Errorf("%s: got %q, %v", name, payload, err)
		}
	}
	if _, _, err := k.Verify(t.Context(), c, sign(t, other, "ES256", "words", map[string]any{"kid": "k"}), idp.SupportedSigningAlgs()); !errors.Is(err, ErrSignature) {
		t.Errorf("signed by the key for encryption: got %v, want ErrSignature", err)
	}
}

func TestVerify_ForgeriesAreRefused(t *testing.T) { // SEC-17
	t.Parallel()
	mine, theirs := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &idp.Client{ID: "app", ClientKeys: idp.ClientKeys{JWKS: jwks(t, jwk(mine, "k", "", ""), jwk(rsaKey, "r", "", ""), jwk(theirs, "enc", "enc", ""), jwk(theirs, "bound", "", "ES384"))}}
	public, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	good := sign(t, mine, "ES256", "words", map[string]any{"kid": "k"})
	head, rest, _ := strings.Cut(good, ".")
	_, signature, _ := strings.Cut(rest, ".")
	k := newKeys(t)
	for name, token := range map[string]string{
		"empty":                 "",
		"no JWS":                "a.b.c",
		"alg none":              part(`{"alg":"none"}`) + "." + part("words") + ".",
		"alg None":              part(`{"alg":"None"}`) + "." + part("words") + ".",
		"HMAC with public key":  sign(t, public, "HS256", "words", map[string]any{"kid": "r"}),
		"another's key":         sign(t, theirs, "ES256", "words", map[string]any{"kid": "k"}),
		"another's key, no kid": sign(t, ecKey(t, elliptic.P256()), "ES256", "words", nil),
		"key for encryption":    sign(t, theirs, "ES256", "words", map[string]any{"kid": "enc"}),
		"key for another alg":   sign(t, theirs, "ES256", "words", map[string]any{"kid": "bound"}),
		"unknown kid":           sign(t, mine, "ES256", "words", map[string]any{"kid": "other"}),
		"embedded jwk":          sign(t, theirs, "ES256", "words", map[string]any{"kid": "k", "jwk": jwk(theirs, "k", "", "")}),
		"jku":                   sign(t, theirs, "ES256", "words", map[string]any{"kid": "k", "jku": "https://evil.example/jwks"}),
		"x5u":                   sign(t, theirs, "ES256", "words", map[string]any{"kid": "k", "x5u": "https://evil.example/x5u"}),
		"crit":                  sign(t, mine, "ES256", "words", map[string]any{"kid": "k", "crit": []string{"exp"}, "exp": 1}),
		"b64":                   sign(t, mine, "ES256", "words", map[string]any{"kid": "k", "b64": false, "crit": []string{"b64"}}),
		"other payload":         head + "." + part("other") + "." + signature,
		"no signature":          head + "." + part("words") + ".",
		"JSON form":             `{"payload":"` + part("words") + `","protected":"` + head + `","signature":"` + signature + `"}`,
		"too long":              good + strings.Repeat("A", maxSigned),
	} {
		if payload, _, err := k.Verify(t.Context(), c, token, idp.SupportedSigningAlgs()); !errors.Is(err, ErrSignature) || payload != nil {
			t.Errorf("%s: got %q, %v, want it refused", name, payload, err)
		}
	}
	if _, _, err := k.Verify(t.Context(), c, good, idp.SupportedSigningAlgs()); err != nil {
		t.Errorf("the honest one: %v", err)
	}
	if _, _, err := k.Verify(t.Context(), &idp.Client{ID: "other"}, good, idp.SupportedSigningAlgs()); !errors.Is(err, ErrNoKeys) {
		t.Errorf("a client without keys: got %v", err)
	}
	if _, _, err := k.Verify(t.Context(), c, sign(t, []byte(strings.Repeat("k", 32)), "HS256", "words", nil), []string{"HS256"}); !errors.Is(err, ErrSignature) {
		t.Errorf("a caller that names an HMAC: got %v, want it refused all the same", err)
	}
}

func TestVerify_RegisteredKeysAreReadAgainWhenTheyChange(t *testing.T) {
	t.Parallel()
	first, second := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	k := newKeys(t)
	for i := range 2 {
		for _, key := range []*ecdsa.PrivateKey{first, second} {
			c := &idp.Client{ID: "app", ClientKeys: idp.ClientKeys{JWKS: jwks(t, jwk(key, "k", "", ""))}}
			if _, _, err := k.Verify(t.Context(), c, sign(t, key, "ES256", "words", nil), idp.SupportedSigningAlgs()); err != nil {
				t.Errorf("round %d: %v", i, err)
			}
		}
	}
}

// site publishes keys.
type site struct {
	*httptest.Server
	reads atomic.Int32
	mu    sync.Mutex
	body  []byte
	code  int
}

func newSite(t testing.TB, keys ...any) *site {
	t.Helper()
	s := &site{code: http.StatusOK}
	s.publish(t, keys...)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.reads.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(s.code)
		_, _ = w.Write(s.body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) publish(t testing.TB, keys ...any) {
	t.Helper()
	s.set(http.StatusOK, jwks(t, keys...))
}

func (s *site) set(code int, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code, s.body = code, body
}

func TestVerify_JWKSURIIsReadAgainForAnUnknownKid(t *testing.T) {
	t.Parallel()
	first, second := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	s := newSite(t, jwk(first, "1", "", ""))
	c := &idp.Client{ID: "app", ClientKeys: idp.ClientKeys{JWKSURI: s.URL + "/jwks"}}
	k := newKeys(t)
	verify := func(key *ecdsa.PrivateKey, kid string) error {
		_, _, err := k.Verify(t.Context(), c, sign(t, key, "ES256", "words", map[string]any{"kid": kid}), idp.SupportedSigningAlgs())
		return err
	}
	for range 100 {
		if err := verify(first, "1"); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.reads.Load(); n != 1 {
		t.Errorf("got %d reads for 100 signatures, want 1", n)
	}
	s.publish(t, jwk(first, "1", "", ""), jwk(second, "2", "", ""))
	if err := verify(second, "2"); err != nil {
		t.Errorf("changed right after the keys were read: %v", err)
	}
	third := ecKey(t, elliptic.P256())
	s.publish(t, jwk(second, "2", "", ""), jwk(third, "3", "", ""))
	if err := verify(third, "3"); err == nil {
		t.Error("within the floor: got a key that was never read")
	}
	k.age(floor)
	if err := verify(third, "3"); err != nil {
		t.Errorf("after the floor: %v", err)
	}
	for range 100 {
		if err := verify(second, "invented"); !errors.Is(err, ErrSignature) {
			t.Fatal(err)
		}
	}
	if n := s.reads.Load(); n != 3 {
		t.Errorf("got %d reads for 100 invented kids, want 3 in all", n)
	}
	s.publish(t, jwk(second, "2", "", ""))
	k.age(freshFor)
	if err := verify(first, "1"); err == nil {
		t.Error("a key that was taken out still works when the copy is not fresh any more")
	}
}

func TestVerify_AnAddressThatIsAwayIsNobodysFiveHundred(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	s := newSite(t, jwk(key, "1", "", ""))
	c := &idp.Client{ID: "app", ClientKeys: idp.ClientKeys{JWKSURI: s.URL}}
	k := newKeys(t)
	token := sign(t, key, "ES256", "words", map[string]any{"kid": "1"})
	verify := func() error {
		_, _, err := k.Verify(t.Context(), c, token, idp.SupportedSigningAlgs())
		return err
	}
	private, err := json.Marshal(map[string]any{"keys": []any{jose.JSONWebKey{Key: key, KeyID: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]string{
		"no JSON": "<html>", "no set": `{}`, "null": `{"keys":null}`, "no keys": `{"keys":[]}`, "twice": `{"keys":[],"keys":[]}`, "private": string(private),
		"deep": `{"keys":[` + strings.Repeat("[", 1000), "too many": `{"keys":[` + strings.Repeat("{},", 50) + `{}]}`, "too long": strings.Repeat(" ", idp.MaxKeySet+1),
	} {
		s.set(http.StatusOK, []byte(answer))
		if err := verify(); !errors.Is(err, ErrNoKeys) {
			t.Errorf("%s: got %v, want no keys", name, err)
		}
		k.age(floor)
	}
	s.set(http.StatusServiceUnavailable, nil)
	for range 10 {
		if err := verify(); !errors.Is(err, ErrNoKeys) {
			t.Errorf("503: got %v, want no keys", err)
		}
	}
	if n := s.reads.Load(); n != 10 {
		t.Errorf("got %d reads, want 9 and one for 10 tries at an address that is away", n)
	}
	s.publish(t, jwk(key, "1", "", ""))
	k.age(floor)
	if err := verify(); err != nil {
		t.Errorf("back again: %v", err)
	}
	// Away again: the old copy serves for half an hour.
	s.set(http.StatusServiceUnavailable, nil)
	k.age(staleFor - time.Minute)
	if err := verify(); err != nil {
		t.Errorf("old copy: %v", err)
	}
	k.age(time.Minute)
	if err := verify(); !errors.Is(err, ErrNoKeys) {
		t.Errorf("after half an hour: got %v, want no keys", err)
	}
	// An address that answers, and has the keys no more, is not away.
	s.publish(t, jwk(key, "1", "", ""))
	k.age(floor)
	if err := verify(); err != nil {
		t.Errorf("back again: %v", err)
	}
	s.set(http.StatusNotFound, nil)
	k.age(freshFor)
	if err := verify(); !errors.Is(err, ErrNoKeys) {
		t.Errorf("404: got %v, want no keys", err)
	}
}

func TestVerify_WhatIsRememberedIsBoundedInBytes(t *testing.T) { // hostile clients with large sets of keys
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	k := newKeys(t)
	large := append(jwks(t, jwk(key, "1", "", "")), []byte(strings.Repeat(" ", 60<<10))...)
	token := sign(t, key, "ES256", "words", nil)
	for i := range 500 {
		c := &idp.Client{ID: fmt.Sprint("app", i), ClientKeys: idp.ClientKeys{JWKS: large}}
		if _, _, err := k.Verify(t.Context(), c, token, idp.SupportedSigningAlgs()); err != nil {
			t.Fatal(err)
		}
	}
	sum := 0
	for id, have := range k.registered {
		sum += len(id) + len(have.text)
	}
	if sum != k.bytes || sum > most || sum == 0 {
		t.Errorf("got %d bytes, counted as %d, want at most %d", sum, k.bytes, most)
	}
}

func TestVerify_ManyWaitForOneRead(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	s := newSite(t, jwk(key, "1", "", ""))
	c := &idp.Client{ID: "app", ClientKeys: idp.ClientKeys{JWKSURI: s.URL}}
	k := newKeys(t)
	token := sign(t, key, "ES256", "words", nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, _, err := k.Verify(t.Context(), c, token, idp.SupportedSigningAlgs()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.reads.Load(); n != 1 {
		t.Errorf("got %d reads for 50 at once, want 1", n)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := newKeys(t).Verify(gone, c, token, idp.SupportedSigningAlgs()); !errors.Is(err, context.Canceled) {
		t.Errorf("who went away: got %v", err)
	}
}

func TestEncryptionKey_PrefersTheOneForEncryption(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p256 := ecKey(t, elliptic.P256())
	c := &idp.Client{ID: "app", ClientKeys: idp.ClientKeys{JWKS: jwks(t, jwk(rsaKey, "sig", "sig", ""), jwk(rsaKey, "any", "", ""), jwk(rsaKey, "enc", "enc", ""), jwk(rsaKey, "other", "enc", "RSA-OAEP"), jwk(p256, "ec", "", ""))}}
	k := newKeys(t)
	for alg, want := range map[string]string{"RSA-OAEP-256": "enc", "ECDH-ES": "ec", "ECDH-ES+A256KW": "ec"} {
		if got, err := k.EncryptionKey(t.Context(), c, alg); err != nil || got.KeyID != want {
			t.Errorf("%s: got %q, %v, want %q", alg, got.KeyID, err, want)
		}
	}
	for _, alg := range []string{"RSA1_5", "dir", "A128KW", ""} {
		if _, err := k.EncryptionKey(t.Context(), c, alg); !errors.Is(err, ErrNoKeys) {
			t.Errorf("%s: got %v, want none", alg, err)
		}
	}
}

func TestHasCertificate_IsTheLeafOfAKey(t *testing.T) { // RFC 8705 §2.2.2
	t.Parallel()
	certificate := func(key *ecdsa.PrivateKey) *x509.Certificate {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	first, second := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	one, two := certificate(first), certificate(second)
	with := func(key *ecdsa.PrivateKey, cert *x509.Certificate) jose.JSONWebKey {
		j := jwk(key, "k", "", "")
		j.Certificates = []*x509.Certificate{cert}
		return j
	}
	s := newSite(t, with(first, one))
	c := &idp.Client{ID: "app", ClientKeys: idp.ClientKeys{JWKSURI: s.URL}}
	k := newKeys(t)
	has := func(cert *x509.Certificate) bool {
		ok, err := k.HasCertificate(t.Context(), c, cert)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !has(one) || has(two) || has(certificate(first)) {
		t.Error("want the published certificate alone, not another one of the same key")
	}
	s.publish(t, with(second, two))
	k.age(floor)
	if !has(two) {
		t.Error("a new certificate: want the address read again")
	}
	s.publish(t, jwk(first, "k", "", ""), jwk(second, "e", "enc", ""))
	k.age(floor)
	if !has(one) || has(two) {
		t.Error("a key without a chain: want any certificate of it, and none of a key for encryption")
	}
}

func FuzzParse(f *testing.F) {
	key := ecKey(f, elliptic.P256())
	f.Add(sign(f, key, "ES256", "words", map[string]any{"kid": "k"}))
	c := &idp.Client{ID: "app", ClientKeys: idp.ClientKeys{JWKS: jwks(f, jwk(ecKey(f, elliptic.P256()), "k", "", ""))}}
	k := newKeys(f)
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := k.Verify(t.Context(), c, token, idp.SupportedSigningAlgs()); err == nil {
			t.Errorf("%q: accepted", token)
		}
	})
}
