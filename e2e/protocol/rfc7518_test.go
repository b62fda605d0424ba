package protocol

// RFC 7518 §3, the algorithms that sign; fosite D13; protocol.md §3.7.

import (
	"slices"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestIDToken_PSAndLargerHashes(t *testing.T) { // RFC 7518 §3.4, §3.5; OIDC Core §3.1.3.6
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Formats(), "scope", "openid email offline_access")
	token := s.verify(t, in.id)
	if token.header["alg"] != "PS256" {
		t.Errorf("alg = %v, want PS256", token.header["alg"])
	}
	access := s.verify(t, in.access)
	if access.header["alg"] != "ES384" || access.header["typ"] != "at+jwt" {
		t.Errorf("the access token's header is %v, want ES384 and at+jwt", access.header)
	}
	s.userInfo(t, in.access).want(200)
	next := s.refresh(t, server.Formats(), in.refresh).tokens()
	if s.verify(t, next.id).header["alg"] != "PS256" {
		t.Error("a refresh gives an ID token of another algorithm")
	}
	in.b.az(server.Formats(), "prompt", "none", "id_token_hint", in.id).wantCode()
}

// Every algorithm that discovery lists works for a client that is registered for it, from the next sign-in on: the key is made, and published
// before it signs.
func TestSigningAlgorithms_EachIsThereWhenAClientNeedsIt(t *testing.T) { // RFC 7518 §3.1, RFC 9864 §2.2
	t.Parallel()
	s := start(t)
	in := s.signIn(t, server.Lean())
	half := map[byte]int{'6': 22, '4': 32, '2': 43, 'A': 43, '9': 43} // characters of at_hash: half of SHA-256, -384, -512
	for _, alg := range stringsOf(t, s.meta, "id_token_signing_alg_values_supported") {
		s.Run(t, "client", "update", "lean", "--force", "--id-token-alg", alg, "--access-token-alg", alg)
		eventually(t, 10*time.Second, "a published key for "+alg, func() bool {
			return slices.ContainsFunc(s.jwks(t), func(key map[string]any) bool { return key["alg"] == alg })
		})
		var got tokens
		eventually(t, 10*time.Second, "an ID token signed by "+alg, func() bool {
			got = s.exchange(t, in.b.az(server.Lean(), "prompt", "none").wantCode()).tokens()
			return decode(t, got.id).header["alg"] == alg
		})
		token := s.verify(t, got.id)
		if hash, _ := token.claims["at_hash"].(string); len(hash) != half[alg[len(alg)-1]] {
			t.Errorf("%s: at_hash has %d characters, want %d", alg, len(hash), half[alg[len(alg)-1]])
		}
		if got := s.verify(t, got.access).header["alg"]; got != alg {
			t.Errorf("the access token is signed by %v, want %s", got, alg)
		}
		s.userInfo(t, got.access).want(200)
	}
}

// A new RSA or EC key on command, while the server runs (the conformance suite asks for it).
func TestRotate_WorksOnCommandForAnyAlgorithm(t *testing.T) { // OIDC Core §10.1.1, §10.2.1
	t.Parallel()
	s := start(t)
	in := s.signIn(t, server.Formats(), "scope", "openid offline_access")
	before := s.verify(t, in.id).header["kid"]
	s.Run(t, "key", "rotate", "--alg", "PS256", "--now")
	refresh := in.refresh
	var next tokens
	eventually(t, 10*time.Second, "an ID token by the new key", func() bool {
		next = s.refresh(t, server.Formats(), refresh).tokens()
		refresh = next.refresh
		return decode(t, next.id).header["kid"] != before
	})
	s.verify(t, next.id)
	s.verify(t, in.id) // the old key is still published

	encryption := func() (kids []any) {
		for _, key := range s.jwks(t) {
			if key["use"] == "enc" {
				kids = append(kids, key["kid"])
			}
		}
		return kids
	}
	if got := encryption(); len(got) != 0 {
		t.Errorf("keys to encrypt with are published before anybody needs them: %v", got)
	}
	s.Run(t, "client", "update", "formats", "--force", "--request-encryption", "ECDH-ES")
	var first []any
	eventually(t, 10*time.Second, "a key to encrypt with, for the client that needs it", func() bool {
		first = encryption()
		return len(first) == 1
	})
	s.Run(t, "key", "rotate", "--alg", "ECDH-ES")
	eventually(t, 10*time.Second, "another key to encrypt with in place of the first", func() bool {
		now := encryption()
		return len(now) == 1 && now[0] != first[0]
	})
}
