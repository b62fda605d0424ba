package idp

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"
	"strings"
	"testing"
)

func TestSignatureAlgorithms_AreAsymmetric(t *testing.T) { // SEC-17
	t.Parallel()
	for _, alg := range SupportedSigningAlgs() {
		if strings.HasPrefix(alg, "HS") || alg == "none" {
			t.Errorf("%s is accepted", alg)
		}
	}
	if !slices.Contains(SupportedSigningAlgs(), AlgRS256) {
		t.Error("RS256 is missing, which every provider has")
	}
}

func TestKeySigns_WithTheAlgorithmsOfItsTypeAlone(t *testing.T) { // RFC 7518 §3.1, RFC 8037 §3.1
	t.Parallel()
	for want, key := range map[string]any{
		"RS256 RS384 RS512 PS256 PS384 PS512": &rsa.PublicKey{},
		"ES256": &ecdsa.PublicKey{Curve: elliptic.P256()}, "ES384": &ecdsa.PublicKey{Curve: elliptic.P384()}, "ES512": &ecdsa.PublicKey{Curve: elliptic.P521()},
		"EdDSA": ed25519.PublicKey{}, "": []byte("secret"),
	} {
		var got []string
		for _, alg := range append(SupportedSigningAlgs(), "HS256", "none", "") {
			if KeySigns(key, alg) {
				got = append(got, alg)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%T signs with %v, want %s", key, got, want)
		}
	}
}
