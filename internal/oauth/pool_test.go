package oauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store/storetest"
)

// No request ever holds a second connection to the database: with a pool of one, everything of the protocol passes at a
// concurrency of 256. A request that held one and waited for another would wait for ever.
func TestPool_OneConnectionServesEverybody(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, storetest.NewSized(t, 1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	opaque := *w.client
	opaque.ID, opaque.Contract.AccessTokenFormat = "opaque", idp.AccessTokenOpaque
	must(t, w.store.CreateClient(ctx, &opaque))
	call := func(method, path string, form url.Values, change func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(ctx, method, issuer+path, strings.NewReader(form.Encode()))
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		change(r)
		rec := httptest.NewRecorder()
		w.mux.ServeHTTP(rec, r)
		return rec
	}
	basic := func(r *http.Request) { r.SetBasicAuth("app", w.secret) }
	cookies := w.signIn(t)
	signedIn := func(r *http.Request) {
		for _, c := range cookies {
			r.AddCookie(c)
		}
	}
	want := func(what string, got *httptest.ResponseRecorder, status int) bool {
		if got.Code != status {
			t.Errorf("%s: got %d %s, want %d", what, got.Code, got.Body, status)
		}
		return got.Code == status
	}
	visit := func() {
		q := url.Values{"client_id": {"app"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid offline_access"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}}
		answer := call(http.MethodGet, "/oauth2/authorize?"+q.Encode(), nil, signedIn)
		if !want("authorize", answer, http.StatusSeeOther) {
			return
		}
		back, err := url.Parse(answer.Header().Get("Location"))
		if err != nil {
			t.Error(err)
			return
		}
		code := url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}}
		answer = call(http.MethodPost, "/oauth2/token", code, basic)
		if !want("code", answer, http.StatusOK) {
			return
		}
		tokens := decode(t, answer)
		access, refresh := tokens["access_token"].(string), tokens["refresh_token"].(string)
		want("userinfo", call(http.MethodGet, "/oauth2/userinfo", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) }), http.StatusOK)
		want("introspect", call(http.MethodPost, "/oauth2/introspect", url.Values{"token": {access}}, basic), http.StatusOK)
		want("introspect a refresh token", call(http.MethodPost, "/oauth2/introspect", url.Values{"token": {refresh}}, basic), http.StatusOK)
		want("refresh", call(http.MethodPost, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}, basic), http.StatusOK)
		want("refresh for a part", call(http.MethodPost, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "scope": {"openid"}}, basic), http.StatusOK)
		want("client_credentials", call(http.MethodPost, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}}, basic), http.StatusOK)
		opaque := call(http.MethodPost, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}}, func(r *http.Request) { r.SetBasicAuth("opaque", w.secret) })
		if want("opaque", opaque, http.StatusOK) {
			text := decode(t, opaque)["access_token"].(string)
			want("introspect opaque", call(http.MethodPost, "/oauth2/introspect", url.Values{"token": {text}}, func(r *http.Request) { r.SetBasicAuth("opaque", w.secret) }), http.StatusOK)
		}
		want("code again", call(http.MethodPost, "/oauth2/token", code, basic), http.StatusBadRequest)
		want("revoke", call(http.MethodPost, "/oauth2/revoke", url.Values{"token": {refresh}}, basic), http.StatusOK)
		want("authorize for a page", call(http.MethodGet, "/oauth2/authorize?prompt=login&"+q.Encode(), nil, signedIn), http.StatusSeeOther)
		want("logout", call(http.MethodGet, "/oauth2/logout", nil, signedIn), http.StatusSeeOther)
	}
	var wg sync.WaitGroup
	for range 256 {
		wg.Go(visit)
	}
	wg.Wait()
	if ctx.Err() != nil {
		t.Error("some request waited for a connection that another held")
	}
}
