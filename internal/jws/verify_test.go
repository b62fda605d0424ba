package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
)

// compact signs by hand: the library does not know the newer name.
func compact(t *testing.T, alg string, key ed25519.PrivateKey) string {
	t.Helper()
	enc := base64.RawURLEncoding.EncodeToString
	input := enc([]byte(`{"alg":"`+alg+`"}`)) + "." + enc([]byte("words"))
	signature, err := key.Sign(nil, []byte(input), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + enc(signature)
}

func TestVerify_Ed25519UnderBothNames(t *testing.T) { // RFC 9864 §2.2
	t.Parallel()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{idp.AlgEdDSA, idp.AlgEd25519} {
		signed, err := jose.ParseSignedCompact(compact(t, alg, key), Accepts(idp.SupportedSigningAlgs()))
		if err != nil {
			t.Fatal(err)
		}
		if payload, err := Verify(signed, key.Public()); err != nil || string(payload) != "words" {
			t.Errorf("%s: got %q, %v", alg, payload, err)
		}
		for name, wrong := range map[string]any{"another key": other.Public(), "a key of another type": ec.Public(), "half a key": key.Public().(ed25519.PublicKey)[:16], "its octets as a secret": []byte(key.Public().(ed25519.PublicKey))} {
			if _, err := Verify(signed, wrong); err == nil {
				t.Errorf("%s: %s verifies it", alg, name)
			}
		}
	}
	forged, err := jose.ParseSignedCompact(compact(t, "ES256", key), Accepts(idp.SupportedSigningAlgs()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(forged, key.Public()); err == nil {
		t.Error("an Ed25519 key verifies what says ES256")
	}
}

func TestFits_OneTypeAndCurveForEachAlgorithm(t *testing.T) { // RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fit := map[string]any{"EdDSA": ed.Public(), "Ed25519": ed.Public()}
	for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		fit[alg] = key.Public()
	}
	for alg, key := range fit {
		for _, other := range append(idp.SupportedSigningAlgs(), "HS256", "none", "") {
			want := other == alg || alg[:2] == "Ed" && other != "" && other[:2] == "Ed"
			if got := Fits(key, other); got != want {
				t.Errorf("a key for %s fits %q: got %t, want %t", alg, other, got, want)
			}
		}
	}
}
