package protocol

// RFC 7636, Proof Key for Code Exchange; account-features.md FD-4; relying-parties.md RP-4.

import (
	"strings"
	"testing"

	"idp/e2e/server"
)

func TestPKCE_IsRequired(t *testing.T) { // RFC 9700 §2.1.1, RP-4
	t.Parallel()
	s := shared(t)
	for _, c := range []server.Client{server.Native(), server.PKCE()} {
		s.browser(t).az(c, "code_challenge", absent, "code_challenge_method", absent).wantErr("invalid_request")
		s.browser(t).az(c, "code_challenge", "", "code_challenge_method", absent).wantErr("invalid_request")
	}
	// Not of confidential clients that did not ask for it (RP-4, PS-22).
	s.signIn(t, server.Trusted())
}

func TestPKCE_OnlyS256(t *testing.T) { // RFC 7636 §4.2, FD-4
	t.Parallel()
	s := shared(t)
	verifier := newVerifier()
	for name, pairs := range map[string][]string{
		"plain":               {"code_challenge", verifier, "code_challenge_method", "plain"},
		"no method is plain":  {"code_challenge", challenge(verifier), "code_challenge_method", absent}, // §4.3: defaults to plain
		"unknown method":      {"code_challenge", challenge(verifier), "code_challenge_method", "S512"},
		"method in lower":     {"code_challenge", challenge(verifier), "code_challenge_method", "s256"},
		"method alone":        {"code_challenge", absent, "code_challenge_method", "S256"},
		"challenge too short": {"code_challenge", "abc"},
		"challenge too long":  {"code_challenge", strings.Repeat("a", 129)},
		"odd characters":      {"code_challenge", strings.Repeat("ü", 22)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.browser(t).az(server.Native(), pairs...).wantErr("invalid_request")
		})
	}
}

func TestPKCE_VerifierIsChecked(t *testing.T) { // RFC 7636 §4.6
	t.Parallel()
	s := shared(t)
	code := func(t *testing.T, c server.Client) grant {
		t.Helper()
		return s.browser(t).az(c).login(s.user(t)).wantCode()
	}
	for _, c := range []server.Client{server.Native(), server.PKCE()} {
		t.Run(c.ID+" right", func(t *testing.T) {
			t.Parallel()
			s.exchange(t, code(t, c)).tokens()
		})
		t.Run(c.ID+" wrong burns the code", func(t *testing.T) { // FD-4
			t.Parallel()
			g := code(t, c)
			s.exchange(t, g, "code_verifier", newVerifier()).wantError(400, "invalid_grant")
			s.exchange(t, g).wantError(400, "invalid_grant")
		})
		// fosite D1: the first call deleted the challenge, the second one passed without a verifier.
		t.Run(c.ID+" two calls without a verifier", func(t *testing.T) {
			t.Parallel()
			g := code(t, c)
			for range 3 {
				s.exchange(t, g, "code_verifier", absent).wantError(400, "invalid_grant", "invalid_request")
			}
		})
		t.Run(c.ID+" a wrong one, then none", func(t *testing.T) { // D1
			t.Parallel()
			g := code(t, c)
			s.exchange(t, g, "code_verifier", newVerifier()).wantError(400, "invalid_grant")
			s.exchange(t, g, "code_verifier", absent).wantError(400, "invalid_grant", "invalid_request")
		})
		t.Run(c.ID+" the challenge itself", func(t *testing.T) {
			t.Parallel()
			g := code(t, c)
			s.exchange(t, g, "code_verifier", challenge(g.verifier)).wantError(400, "invalid_grant")
		})
		t.Run(c.ID+" empty", func(t *testing.T) {
			t.Parallel()
			s.exchange(t, code(t, c), "code_verifier", "").wantError(400, "invalid_grant", "invalid_request")
		})
	}
	t.Run("optional, but bound once used", func(t *testing.T) { // RFC 9700 §2.1.1: downgrade
		t.Parallel()
		verifier := newVerifier()
		b := s.browser(t)
		g := b.az(server.Trusted(), "code_challenge", challenge(verifier), "code_challenge_method", "S256").login(s.user(t)).wantCode()
		for range 2 {
			s.exchange(t, g).wantError(400, "invalid_grant", "invalid_request")
		}
		g = b.az(server.Trusted(), "code_challenge", challenge(verifier), "code_challenge_method", "S256").wantCode()
		s.exchange(t, g, "code_verifier", verifier).tokens()
	})
	t.Run("a verifier where no challenge was", func(t *testing.T) { // RFC 9700 §4.8.2: the attacker removed the challenge
		t.Parallel()
		s.exchange(t, code(t, server.Trusted()), "code_verifier", newVerifier()).wantError(400, "invalid_grant", "invalid_request")
		s.exchange(t, code(t, server.Trusted()), "code_verifier", "short").wantError(400, "invalid_grant", "invalid_request") // §4.1: none at all is no verifier's form
	})
	for name, length := range map[string]int{"shortest": 43, "longest": 128} {
		t.Run(name, func(t *testing.T) { // §4.1
			t.Parallel()
			verifier := strings.Repeat("a-._~Z09", 16)[:length]
			g := s.browser(t).az(server.Native(), "code_challenge", challenge(verifier)).login(s.user(t)).wantCode()
			s.exchange(t, g, "code_verifier", verifier).tokens()
		})
	}
}
