package protocol

// OpenID Connect Core §8, what people are called; protocol.md §3.4.

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"idp/e2e/server"
)

func TestPairwise_NameIsOneForASectorAndAnotherElsewhere(t *testing.T) { // OIDC Core §8.1
	t.Parallel()
	s := shared(t)
	clients := server.Pairwise()
	in := s.signIn(t, clients[0], "scope", "openid offline_access")
	token := s.verify(t, in.id)
	sub, _ := token.claims["sub"].(string)
	public := s.verify(t, in.b.tokens(in.u, server.Trusted()).id)
	if sub == "" || len(sub) > 255 || sub == public.claims["sub"] {
		t.Fatalf("sub = %q, and %q at a client with public subjects: want two", sub, public.claims["sub"])
	}
	if got := s.verify(t, in.access).claims["sub"]; got != sub {
		t.Errorf("access token: sub = %v, want %s", got, sub)
	}
	if got := s.userInfo(t, in.access).want(200).json["sub"]; got != sub {
		t.Errorf("UserInfo: sub = %v, want %s", got, sub)
	}
	for _, text := range []string{in.access, in.refresh} {
		a := s.introspect(t, clients[0], text).wantActive(true)
		if a.json["sub"] != sub || a.json["username"] != nil {
			t.Errorf("introspection: sub = %v, username = %v, want %s and no name that others know", a.json["sub"], a.json["username"], sub)
		}
	}
	if got := s.verify(t, s.refresh(t, clients[0], in.refresh).tokens().id).claims["sub"]; got != sub {
		t.Errorf("after a refresh: sub = %v, want %s", got, sub)
	}
	if got := s.verify(t, in.b.tokens(in.u, clients[1]).id).claims["sub"]; got != sub {
		t.Errorf("another client of the sector: sub = %v, want %s", got, sub)
	}
	if got := s.verify(t, in.b.tokens(in.u, clients[2]).id).claims["sub"]; got == sub || got == public.claims["sub"] {
		t.Errorf("a client of another sector: sub = %v, want one that nobody else has", got)
	}
	if got := s.verify(t, s.signIn(t, clients[0]).id).claims["sub"]; got == sub {
		t.Error("two people have one sub")
	}
}

func TestPairwise_HintsAreUnderstood(t *testing.T) { // OIDC Core §3.1.2.1; RP-Initiated Logout §2
	t.Parallel()
	s := shared(t)
	c := server.Pairwise()[0]
	in := s.signIn(t, c)
	in.b.az(c, "prompt", "none", "id_token_hint", in.id).wantCode()
	// The ID token of somebody else, and of another client.
	s.signIn(t, c).b.az(c, "prompt", "none", "id_token_hint", in.id).wantErr("login_required")
	in.b.az(server.Pairwise()[1], "prompt", "none", "id_token_hint", in.id).wantErr("invalid_request")
	p := in.b.open(s.endpoint(t, "end_session_endpoint") + "?id_token_hint=" + in.id + "&post_logout_redirect_uri=" + c.Logout)
	if p.leave != c.Logout {
		t.Errorf("sign-out with the hint leads to %q (%s), want %s at once", p.leave, p.url, c.Logout)
	}
	in.b.az(c, "prompt", "none").wantErr("login_required")
}

// Whatever is rotated and restarted, people keep their names.
func TestPairwise_NamesOutliveEveryRotation(t *testing.T) { // OIDC Core §8
	t.Parallel()
	s := start(t)
	c := server.Pairwise()[0]
	in := s.signIn(t, c)
	want := s.verify(t, in.id).claims["sub"]
	s.Run(t, "key", "rotate", "--now")
	s.Run(t, "key", "ring", "rotate")
	s.Restart(t)
	s.Run(t, "key", "ring", "reseal")
	s.Restart(t)
	if got := s.verify(t, s.signInAs(t, in.u, c).id).claims["sub"]; got != want {
		t.Errorf("sub = %v, want %v as before", got, want)
	}
}

func TestPairwise_SectorDocumentIsReadAtRegistration(t *testing.T) { // OIDC Core §8.1, protocol.md §3.4
	t.Parallel()
	document := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, there := map[string]string{
			"/sector": `["https://elsewhere.example/cb","https://pairwise.example/cb","https://pairwise.example/two"]`,
			"/others": `["https://pairwise.example/cb","https://elsewhere.example/cb/","https://ELSEWHERE.example/cb"]`, "/none": `[]`, "/null": `null`, "/page": `<html>`,
		}[r.URL.Path]
		if !there {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(document.Close)
	s := start(t, server.Set("IDP_OUTBOUND__ALLOW", "127.0.0.1"))
	clients := server.Pairwise()
	// Whoever is not in the sector's own list does not get into the sector.
	for _, path := range []string{"/others", "/none", "/null", "/page", "/missing"} {
		if code, _, said := s.Try(t, "client", "update", clients[2].ID, "--force", "--sector-identifier-uri", document.URL+path); code == 0 || !strings.Contains(said, "document") {
			t.Errorf("%s: exit code %d, %s, want it refused for what the document says", path, code, said)
		}
	}
	for _, c := range []server.Client{clients[0], clients[2]} {
		s.Run(t, "client", "update", c.ID, "--force", "--sector-identifier-uri", document.URL+"/sector")
	}
	in := s.signIn(t, clients[0])
	if a, b := s.verify(t, in.id).claims["sub"], s.verify(t, in.b.tokens(in.u, clients[2]).id).claims["sub"]; a != b {
		t.Errorf("two hosts of one sector: sub = %v and %v, want one", a, b)
	}
}

func TestCIBA_PairwiseSubjectsNameThePerson(t *testing.T) { // CIBA §7.1, OIDC Core §8.1
	t.Parallel()
	s := shared(t)
	clients := server.Pairwise()
	in := s.signIn(t, clients[0])
	sub, _ := s.verify(t, in.id).claims["sub"].(string)
	public, _ := s.verify(t, in.b.tokens(in.u, server.Trusted()).id).claims["sub"].(string)
	elsewhere, _ := s.verify(t, in.b.tokens(in.u, clients[2]).id).claims["sub"].(string)
	ask := func(pairs ...string) *answer {
		t.Helper()
		return s.form(t, "backchannel_authentication_endpoint", basic(clients[0]), append([]string{"scope", "openid"}, pairs...)...)
	}
	ask("id_token_hint", in.id).want(http.StatusOK)
	id := ask("login_hint", sub).want(http.StatusOK).str("auth_req_id")
	p, ids := in.b.requests(in.u)
	if len(ids) != 2 {
		t.Fatalf("the person has %d requests, want two: %s", len(ids), p.describe())
	}
	for _, one := range ids {
		p = p.submit("allow-" + one)
	}
	if got := s.verify(t, s.pollCIBA(t, clients[0], id).tokens().id).claims["sub"]; got != sub {
		t.Errorf("sub = %v, want %s as before", got, sub)
	}
	// What others call the person says nothing here.
	for name, hint := range map[string]string{"a public sub": public, "that of another sector": elsewhere, "nobody's": "x" + sub[1:]} {
		if a := ask("login_hint", hint); a.status != http.StatusBadRequest || a.str("error") != "unknown_user_id" {
			t.Errorf("%s: %d %s, want 400 unknown_user_id", name, a.status, a.body)
		}
	}
}
