package oauth_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/oauth/grant"
)

// exchanging returns a world whose client app gets tokens for https://api.example, and a client "api" that may exchange them.
func exchanging(t testing.TB, change ...func(api *idp.Client)) *world {
	t.Helper()
	w := newWorld(t, func(c *idp.Client) { c.Audience = []string{"https://api.example"} })
	api := *w.client
	api.ID, api.GrantTypes, api.ResponseTypes, api.RedirectURIs = "api", []string{idp.GrantTokenExchange, idp.GrantClientCredentials}, nil, nil
	api.Scopes, api.ExchangeAudiences = []string{"profile", "email", "api"}, []string{"https://inner.example"}
	for _, c := range change {
		c(&api)
	}
	must(t, w.store.CreateClient(t.Context(), &api))
	return w
}

// trade exchanges a token as the client api.
func (w *world) trade(t testing.TB, proof, subject string, pairs ...string) reply {
	t.Helper()
	form := url.Values{"grant_type": {idp.GrantTokenExchange}, "subject_token": {subject}, "subject_token_type": {grant.TypeAccessToken}}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			form.Del(pairs[i])
		} else {
			form.Add(pairs[i], pairs[i+1])
			form[pairs[i]] = form[pairs[i]][max(0, len(form[pairs[i]])-1):]
		}
	}
	return w.send(t, http.MethodPost, tokenPath, form, func(r *http.Request) {
		r.SetBasicAuth("api", w.secret)
		if proof != "" {
			r.Header.Set("DPoP", proof)
		}
	})
}

// RFC 8693 §2.2.1, §4.1: what comes of an exchange says who acts, for whom, where, and ends with what it was made of.
func TestExchange_ActsForThePersonAndSaysSo(t *testing.T) {
	t.Parallel()
	w := exchanging(t)
	first := w.tokens(t)
	subject := first["access_token"].(string)
	w.trade(t, "", subject).want(t, "the client is known", 200, "")
	got := w.trade(t, "", subject).want(t, "exchange", 200, "")
	if got.trips != 1 || got.text("issued_token_type") != grant.TypeAccessToken || got.text("token_type") != "Bearer" || got.json["refresh_token"] != nil || got.json["id_token"] != nil {
		t.Errorf("got %v in %d trips, want an access token alone, in one", got.json, got.trips)
	}
	claims, before := claimsOf(t, got.text("access_token")), claimsOf(t, subject)
	act, _ := claims["act"].(map[string]any)
	if claims["sub"] != w.user.ID || act["sub"] != "api" || claims["client_id"] != "api" || claims["aud"] != "https://inner.example" || claims["scope"] != "email profile" && claims["scope"] != "profile email" {
		t.Errorf("got %v, want the person, the API that acts, and no more scope than both have", claims)
	}
	if claims["exp"].(float64) > before["exp"].(float64) {
		t.Errorf("it lives until %v, the subject's token until %v", claims["exp"], before["exp"])
	}
	asked := w.send(t, http.MethodPost, "/oauth2/introspect", url.Values{"token": {got.text("access_token")}}, func(r *http.Request) { r.SetBasicAuth("api", w.secret) })
	if act, _ := asked.json["act"].(map[string]any); asked.json["active"] != true || act["sub"] != "api" {
		t.Errorf("introspection says %v", asked.json)
	}
	if got := w.trade(t, "", subject, "scope", "email").want(t, "fewer scopes", 200, ""); got.text("scope") != "email" {
		t.Errorf("scope %v, want email", got.json["scope"])
	}
	// Chains are told whole, and end.
	w.change(t, func(c *idp.Client) {})
	token := got.text("access_token")
	for range 4 {
		token = w.trade(t, "", token).want(t, "once more", 200, "").text("access_token")
	}
	w.trade(t, "", token).want(t, "too often", 400, "invalid_request")

	// Whoever revokes the person's authorization revokes this too.
	w.send(t, http.MethodPost, "/oauth2/revoke", url.Values{"token": {first["refresh_token"].(string)}}, func(r *http.Request) { r.SetBasicAuth("app", w.secret) }).want(t, "revoke", 200, "")
	w.trade(t, "", subject).want(t, "after it was revoked", 400, "invalid_request")
	if asked := w.send(t, http.MethodPost, "/oauth2/introspect", url.Values{"token": {got.text("access_token")}}, func(r *http.Request) { r.SetBasicAuth("api", w.secret) }); asked.json["active"] != false {
		t.Errorf("what was made of a revoked token: %v, want it inactive", asked.json)
	}
}

// RFC 8693 §2.1, §2.2.2, §5: each condition alone refuses.
func TestExchange_EachConditionAloneRefuses(t *testing.T) {
	t.Parallel()
	w := exchanging(t)
	tokens := w.tokens(t)
	subject := tokens["access_token"].(string)
	own := w.send(t, http.MethodPost, tokenPath, url.Values{"grant_type": {"client_credentials"}}, func(r *http.Request) { r.SetBasicAuth("api", w.secret) }).want(t, "its own token", 200, "").text("access_token")
	for name, c := range map[string]struct {
		subject, want string
		pairs         []string
	}{
		"no subject_token":             {"", "invalid_request", []string{"subject_token", ""}},
		"no subject_token_type":        {subject, "invalid_request", []string{"subject_token_type", ""}},
		"another subject_token_type":   {subject, "invalid_request", []string{"subject_token_type", "urn:ietf:params:oauth:token-type:saml2"}},
		"an ID token":                  {tokens["id_token"].(string), "invalid_request", nil},
		"a refresh token":              {tokens["refresh_token"].(string), "invalid_request", nil},
		"garbage":                      {"x.y.z", "invalid_request", nil},
		"an application's own token":   {own, "invalid_request", nil},
		"another requested_token_type": {subject, "invalid_request", []string{"requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}},
		"another audience":             {subject, "invalid_target", []string{"audience", "https://other.example"}},
		"another resource":             {subject, "invalid_target", []string{"resource", "https://other.example"}},
		"a scope that was not granted": {subject, "invalid_scope", []string{"scope", "api"}},
		"a scope the client lacks":     {subject, "invalid_scope", []string{"scope", "roles"}},
		"openid":                       {subject, "invalid_scope", []string{"scope", "openid"}},
		"actor_token_type alone":       {subject, "invalid_request", []string{"actor_token_type", grant.TypeAccessToken}},
		"actor_token alone":            {subject, "invalid_request", []string{"actor_token", own}},
		"a bad actor_token":            {subject, "invalid_request", []string{"actor_token", "x", "actor_token_type", grant.TypeAccessToken}},
	} {
		if got := w.trade(t, "", c.subject, c.pairs...); got.code != 400 || got.text("error") != c.want {
			t.Errorf("%s: got %d %v, want %s", name, got.code, got.json, c.want)
		}
	}
	w.trade(t, "", subject, "actor_token", own, "actor_token_type", grant.TypeAccessToken).want(t, "its own token as actor's", 200, "")
	w.trade(t, "", subject, "audience", "https://inner.example", "requested_token_type", grant.TypeJWT, "subject_token_type", grant.TypeJWT).want(t, "all said", 200, "")
	// A client whose business the token is not gains nothing by it, and one without the grant cannot use it.
	stranger := exchanging(t, func(api *idp.Client) { api.Audience = []string{"https://another.example"} })
	stranger.trade(t, "", stranger.tokens(t)["access_token"].(string)).want(t, "a token for another API", 400, "invalid_request")
	w.prove(t, "", "grant_type", idp.GrantTokenExchange, "subject_token", subject, "subject_token_type", grant.TypeAccessToken).want(t, "a client without the grant", 400, "unauthorized_client")
	w.change(t, func(c *idp.Client) { c.Disabled = true })
	w.trade(t, "", subject).want(t, "a token of a client that is switched off", 400, "invalid_request")
	w.change(t, func(c *idp.Client) { c.Disabled = false })
	w.trade(t, "", subject).want(t, "and on again", 200, "")
	must(t, w.store.SetUserState(t.Context(), w.user.ID, idp.UserDisabled, time.Now()))
	w.trade(t, "", subject).want(t, "a disabled person", 400, "invalid_request")
}

// Impersonation is for the clients that an operator allows it.
func TestExchange_ImpersonationIsAPolicy(t *testing.T) {
	t.Parallel()
	w := exchanging(t, func(api *idp.Client) {
		api.ExchangeImpersonates, api.ExchangeAudiences = true, []string{"https://a.example", "https://b.example"}
	})
	subject := w.tokens(t)["access_token"].(string)
	w.trade(t, "", subject).want(t, "which of two is not said", 400, "invalid_target")
	got := w.trade(t, "", subject, "audience", "https://a.example", "resource", "https://b.example").want(t, "both", 200, "")
	claims := claimsOf(t, got.text("access_token"))
	if aud, _ := claims["aud"].([]any); claims["act"] != nil || !slices.Equal(aud, []any{"https://a.example", "https://b.example"}) {
		t.Errorf("got %v, want no act and both audiences", claims)
	}
}

// RFC 9449: what was bound stays bound.
func TestExchange_BindingIsKept(t *testing.T) {
	t.Parallel()
	w := exchanging(t)
	key, other := newProver(t), newProver(t)
	code := w.az(t, w.signIn(t)).Get("code")
	subject := w.prove(t, key.proof(t, "POST", tokenPath, ""), "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier).want(t, "token", 200, "").text("access_token")
	w.trade(t, "", subject).want(t, "without a proof", 400, "invalid_request")
	got := w.trade(t, other.proof(t, "POST", tokenPath, ""), subject).want(t, "with the API's own key", 200, "")
	if got.text("token_type") != "DPoP" || confirmed(t, claimsOf(t, got.text("access_token")))["jkt"] != other.jkt {
		t.Errorf("got %v, want a token bound to the key of the API", got.json)
	}
}

// RFC 8693 §3: an ID token is worth what its authorization is, to the client that got it, where the policy says so.
func TestExchange_TakesAnIDTokenOfTheClientItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idp.Client) {
		c.GrantTypes, c.ExchangeAudiences, c.ExchangeIDTokens = append(c.GrantTypes, idp.GrantTokenExchange), []string{"https://inner.example"}, true
	})
	other := *w.client
	other.ID = "other"
	must(t, w.store.CreateClient(t.Context(), &other))
	off := *w.client
	off.ID, off.ExchangeIDTokens = "off", false
	must(t, w.store.CreateClient(t.Context(), &off))
	tokens := w.tokens(t)
	id := tokens["id_token"].(string)
	trade := func(client, subject string, pairs ...string) reply {
		form := url.Values{"grant_type": {idp.GrantTokenExchange}, "subject_token": {subject}, "subject_token_type": {grant.TypeIDToken}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return w.send(t, http.MethodPost, tokenPath, form, func(r *http.Request) { r.SetBasicAuth(client, w.secret) })
	}
	claims := claimsOf(t, trade("app", id).want(t, "its own ID token", 200, "").text("access_token"))
	act, _ := claims["act"].(map[string]any)
	if claims["sub"] != w.user.ID || claims["aud"] != "https://inner.example" || act["sub"] != "app" || claims["exp"].(float64) > claimsOf(t, id)["exp"].(float64) {
		t.Errorf("got %v, want the person, the audience of the policy, the actor, and no longer life", claims)
	}
	trade("app", id, "scope", "openid").want(t, "openid", 400, "invalid_scope")
	trade("other", id).want(t, "another client", 400, "invalid_request")
	trade("off", id).want(t, "a client whose policy does not say so", 400, "invalid_request")
	trade("app", tokens["access_token"].(string)).want(t, "an access token by this name", 400, "invalid_request")
	trade("app", id, "subject_token_type", grant.TypeAccessToken).want(t, "an ID token by another name", 400, "invalid_request")
	trade("app", id, "actor_token", id, "actor_token_type", grant.TypeIDToken).want(t, "an ID token as the actor's", 400, "invalid_request")
	w.send(t, http.MethodPost, "/oauth2/revoke", url.Values{"token": {tokens["refresh_token"].(string)}}, func(r *http.Request) { r.SetBasicAuth("app", w.secret) }).want(t, "revoke", 200, "")
	trade("app", id).want(t, "after it was revoked", 400, "invalid_request")
	if plain := claimsOf(t, newWorld(t).tokens(t)["id_token"]); plain["jti"] != nil {
		t.Errorf("an ID token that is not for exchange has a jti: %v", plain)
	}
}
