package protocol

// RFC 7517; relying-parties.md RP-9; protocol.md §3.1 JWKS; account-features.md FS-56.

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestJWKS_EveryKeyIsCompleteAndPublic(t *testing.T) { // RP-9
	t.Parallel()
	s := shared(t)
	seen, algs := map[any]bool{}, []string{}
	for _, key := range s.jwks(t) {
		kid, _ := key["kid"].(string)
		alg, _ := key["alg"].(string)
		if kid == "" || seen[kid] {
			t.Errorf("kid %q is missing or used twice", kid)
		}
		seen[kid] = true
		algs = append(algs, alg)
		use := "sig"
		if strings.HasPrefix(alg, "RSA-OAEP") || strings.HasPrefix(alg, "ECDH-ES") {
			use = "enc" // RFC 7517 §4.2: what is published for others to encrypt with says so
		}
		if key["use"] != use || alg == "" {
			t.Errorf("key %s: use = %v and alg = %q, want %s and an algorithm", kid, key["use"], alg, use)
		}
		members, known := map[any][]string{"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}}[key["kty"]]
		if !known {
			t.Errorf("key %s: kty = %v, want RSA, EC or OKP: Authlib fails on any other", kid, key["kty"])
		}
		for _, name := range members {
			if text, _ := key[name].(string); text == "" {
				t.Errorf("key %s: %s is missing", kid, name)
			}
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, there := key[private]; there {
				t.Errorf("key %s publishes its private member %s", kid, private)
			}
		}
	}
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		if !slices.Contains(algs, alg) {
			t.Errorf("the JWKS has keys for %v, want one for %s", algs, alg)
		}
	}
}

func TestJWKS_RotationKeepsWhatWasSigned(t *testing.T) { // RP-9, protocol.md §3.1, FS-56, "rotation" of relying-parties.md §7.6
	t.Parallel()
	s := start(t)
	in := s.signIn(t, server.Web(), "scope", "openid offline_access")
	before := s.verify(t, in.id)
	old := map[any]bool{}
	for _, key := range s.jwks(t) {
		old[key["kid"]] = true
	}

	// Published first, signed later: what caches the JWKS knows the new key by then.
	s.Run(t, "key", "rotate", "--alg", "RS256")
	fresh := func() (added []map[string]any, kept int) {
		for _, key := range s.jwks(t) {
			if old[key["kid"]] {
				kept++
			} else {
				added = append(added, key)
			}
		}
		return added, kept
	}
	eventually(t, 10*time.Second, "a new RSA key in the JWKS", func() bool {
		added, _ := fresh()
		return slices.ContainsFunc(added, func(k map[string]any) bool { return k["kty"] == "RSA" })
	})
	if _, kept := fresh(); kept != len(old) {
		t.Errorf("%d of %d old keys are still published, want all", kept, len(old))
	}
	during := s.refresh(t, server.Web(), in.refresh).tokens()
	if got, want := s.verify(t, during.id).header["kid"], before.header["kid"]; got != want {
		t.Errorf("a token right after the rotation is signed by %v, want still %v: the new key was published just now", got, want)
	}

	// On demand the new key signs at once.
	s.Run(t, "key", "rotate", "--alg", "RS256", "--now")
	var after tokens
	eventually(t, 10*time.Second, "an ID token signed by a new key", func() bool {
		after = s.refresh(t, server.Web(), during.refresh).tokens()
		during.refresh = after.refresh
		return decode(t, after.id).header["kid"] != before.header["kid"]
	})
	s.verify(t, after.id)
	// The old token still verifies, and is still taken as a hint: retirement waits for the last token.
	s.verify(t, in.id)
	in.b.az(server.Web(), "prompt", "none", "id_token_hint", in.id).wantCode()
	s.userInfo(t, in.access).want(http.StatusOK)

	// Keys live in the database: a restart changes none.
	published := len(s.jwks(t))
	s.Restart(t)
	s.verify(t, in.id)
	if got := len(s.jwks(t)); got != published {
		t.Errorf("%d keys after a restart, want %d", got, published)
	}
}
