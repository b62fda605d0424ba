package protocol

// JWT Secured Authorization Response Mode for OAuth 2.0 (JARM).

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

// unsigned returns what a signed answer says, after checking who says it to whom, and until when (JARM §2.1, §2.4).
func (p *page) unsigned(carrier, alg string) url.Values {
	p.t.Helper()
	outer := p.answered(carrier)
	if len(outer) != 1 || outer.Get("response") == "" {
		p.t.Fatalf("got %v, want response alone", outer)
	}
	token := p.b.site.verify(p.t, outer.Get("response"))
	if token.header["alg"] != alg || token.claims["iss"] != p.b.site.Issuer || token.claims["aud"] != p.asked.client.ID {
		p.t.Errorf("alg %v, iss %v, aud %v", token.header["alg"], token.claims["iss"], token.claims["aud"])
	}
	if life := time.Until(time.Unix(token.number("exp"), 0)); life < 10*time.Second || life > 10*time.Minute {
		p.t.Errorf("the answer expires in %s, want 10 s to 10 min", life)
	}
	inner := url.Values{}
	for name, value := range token.claims {
		if text, ok := value.(string); ok && name != "aud" {
			inner.Set(name, text)
		}
	}
	if inner.Get("state") != p.asked.state {
		p.t.Errorf("state %q, want %q", inner.Get("state"), p.asked.state)
	}
	return inner
}

func TestJARM_EachModeCarriesAJWT(t *testing.T) { // JARM §2.1, §2.2, §2.3: jwt is query.jwt for a code and fragment.jwt for tokens; protocol.md §3.8
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	for _, c := range []struct{ words, mode, carrier string }{
		{"code", "jwt", "?"},
		{"code", "query.jwt", "?"},
		{"code", "fragment.jwt", "#"},
		{"code", "form_post.jwt", ""},
		{"none", "jwt", "?"},
		{"id_token token", "jwt", "#"},
		{"code id_token", "fragment.jwt", "#"},
		{"code token", "form_post.jwt", ""},
	} {
		p := b.az(server.Front(), "response_type", c.words, "response_mode", c.mode, "prompt", "none")
		got := p.unsigned(c.carrier, "RS256") // JARM §3: the default
		for word := range strings.FieldsSeq(c.words) {
			if name := map[string]string{"code": "code", "token": "access_token", "id_token": "id_token", "none": "state"}[word]; got.Get(name) == "" {
				t.Errorf("%s by %s: no %s", c.words, c.mode, name)
			}
		}
		if got.Has("code") {
			s.exchange(t, grant{p.asked, got.Get("code")}).tokens()
		}
	}
}

func TestJARM_ErrorsAreSignedToo(t *testing.T) { // JARM §2.1: an error is an answer; protocol.md §3.8
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	for words, carrier := range map[string]string{"code": "?", "code id_token": "#"} {
		p := b.az(server.Front(), "response_type", words, "response_mode", "jwt", "scope", "openid nonsense")
		if got := p.unsigned(carrier, "RS256"); got.Get("error") != "invalid_scope" || got.Has("code") {
			t.Errorf("%s: got %v", words, got)
		}
		p = b.az(server.Front(), "response_type", words, "response_mode", "form_post.jwt", "prompt", "consent").submit("deny")
		if got := p.unsigned("", "RS256"); got.Get("error") != "access_denied" {
			t.Errorf("%s: got %v", words, got)
		}
	}
	p := b.az(server.Front(), "response_type", "id_token token", "response_mode", "query.jwt") // JARM §2.3.1: a token in a query, even signed, leaks
	if got := p.unsigned("#", "RS256"); got.Get("error") != "invalid_request" || got.Has("access_token") {
		t.Errorf("query.jwt with a token: got %v", got)
	}
}

func TestJARM_ClientMayTakeNothingElse(t *testing.T) { // JARM §3; response_modes of the registration; protocol.md §3.8
	t.Parallel()
	s := shared(t)
	b, u := s.browser(t), s.user(t)
	p := b.az(server.Jarm(), "response_mode", "jwt").through(u)
	got := p.unsigned("?", "ES256")
	s.exchange(t, grant{p.asked, got.Get("code")}).tokens()
	b.az(server.Jarm(), "response_mode", "query.jwt").unsigned("?", "ES256") // what jwt means here
	b.az(server.Jarm(), "response_mode", "form_post.jwt").unsigned("", "ES256")
	for _, mode := range []string{absent, "query", "fragment", "form_post", "fragment.jwt"} {
		if got := b.az(server.Jarm(), "response_mode", mode).unsigned("?", "ES256"); got.Get("error") != "invalid_request" || got.Has("code") {
			t.Errorf("%s: got %v, want it refused", mode, got)
		}
	}
	b.az(server.Jarm(), "response_type", "code id_token", "response_mode", "jwt").unsigned("#", "ES256")
}

func TestJARM_AnAnswerIsNoOtherToken(t *testing.T) { // RFC 8725 §3.11, SEC-17: cross-JWT confusion
	t.Parallel()
	s := shared(t)
	b := s.frontBrowser(t)
	signed := b.az(server.Front(), "response_mode", "jwt").answered("?").Get("response")
	b.az(server.Front(), "prompt", "none", "id_token_hint", signed).wantErr("invalid_request")
	s.userInfo(t, signed).want(401)
	s.introspect(t, server.Front(), signed).wantActive(false)
	if p := b.logout("id_token_hint", signed); p.left != nil {
		t.Errorf("sign-out took it for an ID token: %s", p.describe())
	}
	if _, there := decode(t, signed).claims["sub"]; there {
		t.Error("the answer has a sub, and so could be taken for an ID token")
	}
}

func TestJARM_MixUpIsSeen(t *testing.T) { // JARM §5, RFC 9207 §2.4: the answer names who gave it, signed
	t.Parallel()
	honest, attacker := shared(t), start(t)
	p := attacker.browser(t).az(server.Jarm(), "response_mode", "jwt").through(attacker.user(t))
	if got := p.unsigned("?", "ES256"); got.Get("iss") != attacker.Issuer || got.Get("iss") == honest.Issuer {
		t.Errorf("iss %s", got.Get("iss"))
	}
	for _, key := range honest.jwks(t) {
		if key["kid"] == decode(t, p.answered("?").Get("response")).header["kid"] {
			t.Error("two servers sign with one key")
		}
	}
}
