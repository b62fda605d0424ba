package protocol

// RFC 8693, OAuth 2.0 Token Exchange.

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/server"
)

const (
	typeAccess = "urn:ietf:params:oauth:token-type:access_token"
	typeID     = "urn:ietf:params:oauth:token-type:id_token"
	innerAPI   = "https://inner.example"
	deepAPI    = "https://deep.example"
)

// trade exchanges a token as c.
func (s *site) trade(t testing.TB, as auth, subject string, pairs ...string) *answer {
	t.Helper()
	return s.token(t, as, append([]string{"grant_type", grantExchange, "subject_token", subject, "subject_token_type", typeAccess}, pairs...)...)
}

// forCalendar signs somebody in at an application that calls the calendar's API.
func (s *site) forCalendar(t testing.TB) signedIn {
	t.Helper()
	return s.signIn(t, server.Resources(), "scope", "openid profile offline_access api.read", "resource", calendar)
}

// actors returns who acts, from the last to the first.
func actors(claims map[string]any) (subs []string) {
	for act, ok := claims["act"].(map[string]any); ok; act, ok = act["act"].(map[string]any) {
		sub, _ := act["sub"].(string)
		subs = append(subs, sub)
	}
	return subs
}

func TestTokenExchange_ChainOfTwoNamesBoth(t *testing.T) { // RFC 8693 §2.2.1, §4.1
	t.Parallel()
	s := shared(t)
	in := s.forCalendar(t)
	first := s.trade(t, basic(server.CalendarAPI()), in.access)
	token := first.tokens()
	if token.refresh != "" || token.id != "" || first.str("issued_token_type") != typeAccess {
		t.Errorf("got %v, want an access token alone, with its type", first.json)
	}
	source, claims := s.verify(t, in.access).claims, s.verify(t, token.access).claims
	if claims["sub"] != source["sub"] || claims["client_id"] != "calendarapi" || len(actors(claims)) != 1 || actors(claims)[0] != "calendarapi" {
		t.Errorf("got %v, want the person, for whom the API acts", claims)
	}
	s.wantAudience(t, token.access, innerAPI)
	second := s.trade(t, basic(server.InnerAPI()), token.access).tokens()
	claims = s.verify(t, second.access).claims
	if chain := actors(claims); claims["sub"] != source["sub"] || len(chain) != 2 || chain[0] != "innerapi" || chain[1] != "calendarapi" {
		t.Errorf("got %v, want the person, then innerapi, then calendarapi", claims)
	}
	s.wantAudience(t, second.access, deepAPI)
	s.introspect(t, server.InnerAPI(), second.access).wantActive(true)

	// RFC 8693 §2.1: what it was made of ends, and with it the whole chain.
	s.revoke(t, server.Resources(), in.refresh).want(http.StatusOK)
	s.introspect(t, server.InnerAPI(), second.access).wantActive(false)
	s.trade(t, basic(server.CalendarAPI()), in.access).wantError(http.StatusBadRequest, "invalid_request")
	s.trade(t, basic(server.InnerAPI()), token.access).wantError(http.StatusBadRequest, "invalid_request")
}

// A client may exchange what it got by an exchange, and each time one more stands in the chain; it does not grow without end.
func TestTokenExchange_ChainEnds(t *testing.T) { // RFC 8693 §4.1
	t.Parallel()
	s := shared(t)
	token := s.forCalendar(t).access
	for n := 1; n <= 5; n++ {
		token = s.trade(t, basic(server.CalendarAPI()), token).tokens().access
		if chain := actors(s.verify(t, token).claims); len(chain) != n {
			t.Fatalf("after %d exchanges act names %v", n, chain)
		}
	}
	s.trade(t, basic(server.CalendarAPI()), token).wantError(http.StatusBadRequest, "invalid_request")
	s.introspect(t, server.CalendarAPI(), token).wantActive(true) // what was asked in vain costs nothing
}

func TestTokenExchange_ImpersonationNeedsThePolicy(t *testing.T) { // RFC 8693 §1.1: only where the policy says so
	t.Parallel()
	s := shared(t)
	token := s.trade(t, basic(server.Mirror()), s.forCalendar(t).access).tokens()
	if claims := s.verify(t, token.access).claims; claims["act"] != nil || claims["client_id"] != "mirror" {
		t.Errorf("got %v, want no act", claims)
	}
}

func TestTokenExchange_ActorTokenIsNamedInAct(t *testing.T) { // RFC 8693 §2.1, §4.1
	t.Parallel()
	s := shared(t)
	api, in := server.CalendarAPI(), s.forCalendar(t)
	own := s.token(t, basic(api), "grant_type", "client_credentials", "scope", "api.read").tokens().access
	token := s.trade(t, basic(api), in.access, "actor_token", own, "actor_token_type", typeAccess).tokens()
	if chain := actors(s.verify(t, token.access).claims); len(chain) != 1 || chain[0] != api.ID {
		t.Errorf("act names %v, want %s", chain, api.ID)
	}
	for name, pairs := range map[string][]string{
		"type alone":    {"actor_token_type", typeAccess},
		"token alone":   {"actor_token", own},
		"garbage":       {"actor_token", "x.y.z", "actor_token_type", typeAccess},
		"of another":    {"actor_token", s.token(t, basic(server.Service()), "grant_type", "client_credentials").tokens().access, "actor_token_type", typeAccess},
		"an ID token":   {"actor_token", in.id, "actor_token_type", typeID},
		"an odd type":   {"actor_token", own, "actor_token_type", "urn:ietf:params:oauth:token-type:saml2"},
		"refresh token": {"actor_token", in.refresh, "actor_token_type", "urn:ietf:params:oauth:token-type:refresh_token"},
	} {
		t.Run(name, func(t *testing.T) {
			s.trade(t, basic(api), in.access, pairs...).wantError(http.StatusBadRequest, "invalid_request")
		})
	}
}

func TestTokenExchange_PolicyRefuses(t *testing.T) { // RFC 8693 §2.2.2, §5
	t.Parallel()
	s := shared(t)
	api, in := server.CalendarAPI(), s.forCalendar(t)
	foreign := s.signIn(t, server.Resources(), "scope", "openid profile", "resource", contacts)
	revoked := s.forCalendar(t)
	s.revoke(t, server.Resources(), revoked.access).want(http.StatusOK)
	own := s.token(t, basic(api), "grant_type", "client_credentials", "scope", "api.read").tokens().access
	for name, c := range map[string]struct {
		subject, code string
		pairs         []string
	}{
		"no person's token":            {own, "invalid_request", nil},
		"a scope that no API needs":    {in.access, "invalid_scope", []string{"scope", "openid"}},
		"an endless one":               {in.access, "invalid_scope", []string{"scope", "offline_access"}},
		"another audience":             {in.access, "invalid_target", []string{"audience", deepAPI}},
		"another resource":             {in.access, "invalid_target", []string{"resource", "https://other.example"}},
		"a scope that was not granted": {in.access, "invalid_scope", []string{"scope", "email"}},
		"a scope the client lacks":     {in.access, "invalid_scope", []string{"scope", "api.write"}},
		"a token for another API":      {foreign.access, "invalid_request", nil},
		"a revoked token":              {revoked.access, "invalid_request", nil},
		"an ID token":                  {in.id, "invalid_request", []string{"subject_token_type", typeID}},
		"a refresh token":              {in.refresh, "invalid_request", nil},
		"no token":                     {"", "invalid_request", nil},
		"a type nobody gives":          {in.access, "invalid_request", []string{"requested_token_type", "urn:ietf:params:oauth:token-type:saml2"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.trade(t, basic(api), c.subject, c.pairs...).wantError(http.StatusBadRequest, c.code)
		})
	}
	s.trade(t, basic(server.Service()), in.access).wantError(http.StatusBadRequest, "unauthorized_client")
	s.trade(t, named(api), in.access).wantError(http.StatusUnauthorized, "invalid_client")
	if got := s.trade(t, basic(api), in.access, "scope", "profile"); got.tokens().access == "" || got.str("scope") != "profile" {
		t.Errorf("scope %q, want profile", got.str("scope"))
	}
}

func TestTokenExchange_BoundSourceNeedsAProof(t *testing.T) { // RFC 9449 §5
	t.Parallel()
	s := shared(t)
	endpoint := s.endpoint(t, "token_endpoint")
	theirs, ours := newProver(t, jose.ES256), newProver(t, jose.ES256)
	g := s.browser(t).az(server.Resources(), "scope", "openid profile", "resource", calendar).through(s.user(t)).wantCode()
	source := s.token(t, proving(basic(server.Resources()), theirs.proof(http.MethodPost, endpoint, "")), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect, "code_verifier", g.verifier).wantBound()
	s.trade(t, basic(server.CalendarAPI()), source.access).wantError(http.StatusBadRequest, "invalid_request")
	token := s.trade(t, proving(basic(server.CalendarAPI()), ours.proof(http.MethodPost, endpoint, "")), source.access).wantBound()
	if cnf, _ := s.verify(t, token.access).claims["cnf"].(map[string]any); cnf["jkt"] != ours.jkt {
		t.Errorf("cnf %v, want the key of the API", cnf)
	}
}

func TestTokenExchange_IDTokenWherePolicyAllows(t *testing.T) { // RFC 8693 §3
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Hub(), "scope", "openid profile offline_access")
	id := []string{"subject_token_type", typeID}
	claims := s.verify(t, s.trade(t, basic(server.Hub()), in.id, id...).tokens().access).claims
	if claims["sub"] != s.verify(t, in.id).claims["sub"] || claims["aud"] != innerAPI || claims["scope"] != "profile" {
		t.Errorf("got %v, want the person, for the inner API", claims)
	}
	s.trade(t, basic(server.CalendarAPI()), in.id, id...).wantError(http.StatusBadRequest, "invalid_request")
	s.revoke(t, server.Hub(), in.refresh).want(http.StatusOK)
	s.trade(t, basic(server.Hub()), in.id, id...).wantError(http.StatusBadRequest, "invalid_request")
}

// A token that is bound to a key is nobody's without it: who has copied one cannot pass for its actor, nor for the application that it was given to.
func TestTokenExchange_BoundTokensOfOnesOwnNeedTheirKey(t *testing.T) { // RFC 8693 §2.1, RFC 9449 §7.2
	t.Parallel()
	s := shared(t)
	endpoint := s.endpoint(t, "token_endpoint")
	theirs, other := newProver(t, jose.ES256), newProver(t, jose.ES256)
	with := func(as auth, p *prover) auth { return proving(as, p.proof(http.MethodPost, endpoint, "")) }
	for name, c := range map[string]struct {
		as      auth
		subject string
		pairs   []string
	}{
		"actor_token": {
			basic(server.CalendarAPI()), s.forCalendar(t).access,
			[]string{"actor_token", s.token(t, with(basic(server.CalendarAPI()), theirs), "grant_type", "client_credentials", "scope", "api.read").wantBound().access, "actor_token_type", typeAccess},
		},
		"subject_token": {basic(server.Hub()), func() string {
			g := s.browser(t).az(server.Hub(), "scope", "openid profile").through(s.user(t)).wantCode()
			return s.token(t, with(basic(server.Hub()), theirs), "grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect, "code_verifier", g.verifier).wantBound().access
		}(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s.trade(t, c.as, c.subject, c.pairs...).wantError(http.StatusBadRequest, "invalid_request")
			s.trade(t, with(c.as, other), c.subject, c.pairs...).wantError(http.StatusBadRequest, "invalid_request")
			token := s.trade(t, with(c.as, theirs), c.subject, c.pairs...).wantBound()
			if cnf, _ := s.verify(t, token.access).claims["cnf"].(map[string]any); cnf["jkt"] != theirs.jkt {
				t.Errorf("cnf %v, want the key that was proven", cnf)
			}
		})
	}
}

func TestTokenExchange_ExpiredSubjectTokenIsRefused(t *testing.T) { // RFC 8693 §2.1
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Quick(), "scope", "openid profile", "resource", calendar)
	made := s.trade(t, basic(server.CalendarAPI()), in.access).tokens() // it says no more than what it was made of, and for no longer
	if exp := decode(t, made.access).number("exp"); exp > decode(t, in.access).number("exp") {
		t.Errorf("exp = %d, later than that of the token it was made of", exp)
	}
	pause(t, 31*time.Second)
	s.trade(t, basic(server.CalendarAPI()), in.access).wantError(http.StatusBadRequest, "invalid_request")
}

// The new token says of the sign-in what the old one said: an exchange proves nothing, and forgets nothing.
func TestTokenExchange_KeepsWhatTheSignInIsCalled(t *testing.T) { // RFC 9068 §2.2.1, RFC 9470 §6
	t.Parallel()
	s := start(t, server.Set("IDP_AUTHENTICATION_CONTEXTS", "urn:example:low=pwd,urn:example:high=pwd"))
	ask := func(c server.Client, pairs ...string) signedIn {
		t.Helper()
		return s.signIn(t, c, append([]string{"scope", "openid profile"}, pairs...)...)
	}
	same := func(what string, source, got string, want string) {
		t.Helper()
		was, is := s.verify(t, source).claims, s.verify(t, got).claims
		if is["acr"] != want || was["acr"] != want {
			t.Errorf("%s: acr = %v of a token with %v, want %s", what, is["acr"], was["acr"], want)
		}
		if is["auth_time"] == nil || is["auth_time"] != was["auth_time"] || !slices.Equal(texts(is["amr"]), texts(was["amr"])) || len(texts(is["amr"])) == 0 {
			t.Errorf("%s: auth_time %v and amr %v, want %v and %v", what, is["auth_time"], is["amr"], was["auth_time"], was["amr"])
		}
	}
	for _, want := range []string{"urn:example:low", "urn:example:high"} {
		in := ask(server.Resources(), "resource", calendar, "acr_values", want)
		first := s.trade(t, basic(server.CalendarAPI()), in.access).tokens()
		same("access token", in.access, first.access, want)
		second := s.trade(t, basic(server.InnerAPI()), first.access).tokens()
		same("chain", in.access, second.access, want)
		if got := s.introspect(t, server.InnerAPI(), second.access).wantActive(true).str("acr"); got != want {
			t.Errorf("introspection: acr = %s, want %s", got, want)
		}
		hub := ask(server.Hub(), "acr_values", want)
		same("ID token", hub.id, s.trade(t, basic(server.Hub()), hub.id, "subject_token_type", typeID).tokens().access, want)
	}
}

// texts returns the words of a list in a token.
func texts(v any) (list []string) {
	many, _ := v.([]any)
	for _, one := range many {
		text, _ := one.(string)
		list = append(list, text)
	}
	return list
}

// Who is gone, or has left, is nobody to act for any more: neither by an access token, nor by one that was exchanged for it, nor by an ID token.
func TestTokenExchange_EndsWithThePersonAndTheSession(t *testing.T) { // RFC 8693 §2.1, §2.2.2
	t.Parallel()
	s := shared(t)
	for name, end := range map[string]func(t *testing.T, in signedIn){
		"a deleted user":  func(t *testing.T, in signedIn) { s.Run(t, "user", "delete", in.u.Email, "--yes") },
		"a disabled user": func(t *testing.T, in signedIn) { s.Run(t, "user", "disable", in.u.Email, "--yes") },
		"all sessions":    func(t *testing.T, in signedIn) { s.Run(t, "session", "end", "--user", in.u.Email, "--yes") },
		"a sign-out":      func(_ *testing.T, in signedIn) { in.b.logout().submit("confirm-logout") },
		"another person": func(t *testing.T, in signedIn) {
			in.b.az(server.Trusted(), "prompt", "login").login(s.user(t)).wantCode()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := s.signIn(t, server.Resources(), "scope", "openid profile", "resource", calendar)
			hub := in.b.tokens(in.u, server.Hub(), "scope", "openid profile")
			lasting := in.b.tokens(in.u, server.Resources(), "scope", "openid profile offline_access", "resource", calendar)
			inner := s.trade(t, basic(server.CalendarAPI()), in.access).tokens().access
			s.trade(t, basic(server.InnerAPI()), inner).tokens()
			s.trade(t, basic(server.Hub()), hub.id, "subject_token_type", typeID).tokens()
			end(t, in)
			s.trade(t, basic(server.CalendarAPI()), in.access).wantError(http.StatusBadRequest, "invalid_request")
			s.trade(t, basic(server.InnerAPI()), inner).wantError(http.StatusBadRequest, "invalid_request")
			s.trade(t, basic(server.Hub()), hub.id, "subject_token_type", typeID).wantError(http.StatusBadRequest, "invalid_request")
			s.introspect(t, server.InnerAPI(), inner).wantActive(false)
			// What works while nobody is there outlives a session that its person left (OpenID Connect Core §11), and nothing else.
			if got := s.trade(t, basic(server.CalendarAPI()), lasting.access); (got.status == http.StatusOK) != (name == "a sign-out" || name == "another person") {
				t.Errorf("offline_access: status %d %v", got.status, got.json)
			}
		})
	}
}
