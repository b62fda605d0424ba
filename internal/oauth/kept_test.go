package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"idp/internal/secret"
)

// SEC-23: a stranger's request leaves no more than its own parameters need, and all of those.
func TestAuthorize_KeepsWhatIsReadLaterAndNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, tokens := w.exchange(t, w.az(t, w.signIn(t)).Get("code"))
	want := url.Values{
		"client_id": {"app"}, "redirect_uri": {callback}, "response_type": {"code"}, "response_mode": {"query"}, "state": {strings.Repeat("s", 4096)},
		"nonce": {"n"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}, "max_age": {"60"}, "login_hint": {"ann"},
		"ui_locales": {"de en"}, "acr_values": {"urn:example:password 2"}, "id_token_hint": {tokens["id_token"].(string)}, "scope": {"api openid"}, "prompt": {"consent login"},
	}
	sent := url.Values{"unknown": {strings.Repeat("u", 20_000)}, "claims_locales": {strings.Repeat("c", 20_000)}}
	for name, values := range want {
		sent[name] = values
	}
	sent.Set("max_age", strings.Repeat("0", 50)+"60")
	sent.Set("scope", strings.Repeat("openid ", 1000)+"api")
	sent.Set("prompt", strings.Repeat("login ", 500)+"consent")
	r := httptest.NewRequest(http.MethodGet, issuer+"/oauth2/authorize?"+sent.Encode(), nil)
	rec := w.do(t, r)
	page, err := url.Parse(rec.Header().Get("Location"))
	must(t, err)
	if page.Path != "/login" {
		t.Fatalf("got %d and %s, want the sign-in page", rec.Code, page)
	}
	var browser secret.Token
	for _, c := range rec.Result().Cookies() {
		if strings.HasSuffix(c.Name, "idp_browser") {
			browser, _ = w.ring.ParseToken(secret.TokenBrowser, c.Value)
		}
	}
	i, err := w.store.Interaction(t.Context(), page.Query().Get("i"), browser.Digest, time.Now())
	must(t, err)
	got, err := url.ParseQuery(i.Params)
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
