package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/oauth"
	"idp/internal/store/sqldb"
)

// authorizeBy sends an authorization request and returns the answer as the application gets it, out of the query, the fragment, the form, and the JWT.
func (w *world) authorizeBy(t testing.TB, r *http.Request) (status int, back url.Values) {
	t.Helper()
	w.lastPost = oauth.PostedAnswer{}
	rec := w.do(t, r)
	if w.lastPost.Client != nil {
		back = w.lastPost.Params
	} else if rest, ok := strings.CutPrefix(rec.Header().Get("Location"), callback); ok && rest != "" {
		var err error
		back, err = url.ParseQuery(rest[1:])
		must(t, err)
	}
	if signed := back.Get("response"); signed != "" {
		if len(back) != 1 {
			t.Errorf("beside the signed answer stands %v", back)
		}
		v, ok := w.Keys.Verify(signed, keys.TypeIDToken)
		if !ok {
			t.Fatal("the signed answer is not ours")
		}
		var set map[string]any
		must(t, json.Unmarshal(v.Payload, &set))
		back = url.Values{}
		for name, value := range set {
			if text, ok := value.(string); ok && name != "aud" {
				back.Set(name, text)
			}
		}
		life := time.Until(time.Unix(int64(set["exp"].(float64)), 0))
		if set["aud"] != "app" && set["aud"] != "everything" || life < 10*time.Second || life > 10*time.Minute {
			t.Errorf("signed for %v, for %s, want the client and at most ten minutes", set["aud"], life)
		}
	}
	return rec.Code, back
}

// asking sends a request of an application that may ask for everything.
func (w *world) asking(t testing.TB, cookies []*http.Cookie, params ...string) (url.Values, int64) {
	t.Helper()
	q := goodParams()
	q.Set("nonce", "no-1")
	q.Set("scope", "openid profile offline_access")
	for i := 0; i+1 < len(params); i += 2 {
		q.Del(params[i])
		if params[i+1] != "" {
			q.Set(params[i], params[i+1])
		}
	}
	ctx, n := sqldb.WithCounter(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, issuer+"/oauth2/authorize?"+q.Encode(), nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	_, back := w.authorizeBy(t, r)
	return back, n.Trips()
}

func everyAnswer(c *idp.Client) {
	c.ResponseTypes, c.GrantTypes = idp.SupportedResponseTypes(), append(c.GrantTypes, idp.GrantImplicit)
}

// OpenID Connect Core §3.2.2.5, §3.3.2.5, RFC 6749 §4.2.2, OAuth 2.0 Multiple Response Types §4: each type has its members, by each mode, in one round trip.
func TestAnswers_EachTypeHasItsMembersInEachMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everyAnswer)
	cookies := w.signIn(t)
	w.asking(t, cookies) // warms the client
	for words, members := range map[string][]string{
		"code": {"code"}, "none": {}, "id_token": {"id_token"}, "id_token token": {"id_token", "access_token"}, "code id_token": {"code", "id_token"},
		"code token": {"code", "access_token"}, "token id_token code": {"code", "id_token", "access_token"},
	} {
		want := append([]string{"state", "iss", "session_state"}, members...)
		if slices.Contains(members, "access_token") {
			want = append(want, "token_type", "expires_in", "scope")
		}
		slices.Sort(want)
		front := strings.Contains(words, "token")
		for _, mode := range append(idp.SupportedResponseModes(), "") {
			back, trips := w.asking(t, cookies, "response_type", words, "response_mode", mode)
			if front && (mode == "query" || mode == "query.jwt") {
				if back.Get("error") != "invalid_request" || back.Get("iss") != issuer || back.Get("state") != "st" {
					t.Errorf("%s by %s: got %v, want it refused", words, mode, back)
				}
				continue
			}
			var got []string
			for name := range back {
				got = append(got, name)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) || trips != 1 {
				t.Errorf("%s by %s: got %v in %d trips, want %v in 1", words, mode, got, trips, want)
			}
			if strings.Contains(back.Get("scope"), "offline_access") && !strings.Contains(words, "code") {
				t.Errorf("%s: got scope %s, want offline_access ignored", words, back.Get("scope"))
			}
		}
	}
}

// OpenID Connect Core §3.3.2.11, §5.4: hashes tie what comes along, and the profile is in the ID token that stands alone.
func TestAnswers_IDTokenOfTheFrontChannelIsTiedToWhatComesAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everyAnswer)
	cookies := w.signIn(t)
	for _, words := range []string{"id_token", "id_token token", "code id_token", "code id_token token"} {
		back, _ := w.asking(t, cookies, "response_type", words)
		set := claimsOf(t, back.Get("id_token"))
		for claim, hashed := range map[string]string{"at_hash": back.Get("access_token"), "c_hash": back.Get("code")} {
			want, err := keys.HalfHash("RS256", hashed)
			must(t, err)
			if got, there := set[claim]; there != (hashed != "") || there && got != want {
				t.Errorf("%s: got %s %v, want it for what comes along", words, claim, got)
			}
		}
		if _, profile := set["name"]; profile != (words == "id_token") || set["nonce"] != "no-1" || set["sub"] != w.user.ID || set["aud"] != "app" {
			t.Errorf("%s: got %v", words, set)
		}
	}
}

// OpenID Connect Core §5.5: what the claims parameter asks of the ID token is in that of the front channel too.
func TestAnswers_ClaimsParameterCountsInTheFrontChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everyAnswer)
	cookies := w.signIn(t)
	for _, words := range []string{"id_token", "code id_token", "id_token token"} {
		back, trips := w.asking(t, cookies, "response_type", words, "scope", "openid email", "claims", `{"id_token":{"email":null}}`)
		if set := claimsOf(t, back.Get("id_token")); set["email"] != "ann@example.com" || trips > 2 {
			t.Errorf("%s: got %v in %d trips, want the address", words, set, trips)
		}
	}
}

// What the front channel gave dies with the rest: by revocation, by a code that is used twice, with the user.
func TestAnswers_FrontChannelTokenHangsOnItsAuthorization(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everyAnswer)
	cookies := w.signIn(t)
	live := func(access string) bool {
		r := httptest.NewRequest(http.MethodGet, issuer+"/oauth2/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+access)
		return w.do(t, r).Code == http.StatusOK
	}
	alone, _ := w.asking(t, cookies, "response_type", "id_token token")
	hybrid, _ := w.asking(t, cookies, "response_type", "code token")
	other, _ := w.asking(t, cookies, "response_type", "id_token token")
	if !live(alone.Get("access_token")) || !live(hybrid.Get("access_token")) {
		t.Fatal("a token of the front channel does not open UserInfo")
	}
	status, _, answer := w.exchange(t, hybrid.Get("code"))
	if status != http.StatusOK || answer["refresh_token"] == nil {
		t.Fatalf("the hybrid flow's code: got %d %v", status, answer)
	}
	if again, _, _ := w.exchange(t, hybrid.Get("code")); again != http.StatusBadRequest || live(hybrid.Get("access_token")) || live(answer["access_token"].(string)) {
		t.Error("after a second use of the code its tokens live")
	}
	r := httptest.NewRequest(http.MethodPost, issuer+"/oauth2/revoke", strings.NewReader(url.Values{"token": {alone.Get("access_token")}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("app", w.secret)
	if w.do(t, r).Code != http.StatusOK || live(alone.Get("access_token")) {
		t.Error("a revoked token lives")
	}
	w.user.State = idp.UserDisabled
	must(t, w.store.UpdateUser(t.Context(), w.user))
	if live(other.Get("access_token")) {
		t.Error("a disabled user's token lives")
	}
}

// JARM §2.2: signed, then encrypted to the client's key; and never in the clear because a key is missing.
func TestAnswers_AreEncryptedToTheClientsKey(t *testing.T) {
	t.Parallel()
	var open func(any, string) string
	w := newWorld(t, everyAnswer, func(c *idp.Client) {
		open = keyed(t, c)
		c.AnswerEncryptedAlg, c.AnswerEncryptedEnc = idp.AlgECDHESA256KW, idp.EncA256GCM
	})
	cookies := w.signIn(t)
	send := func(mode string) url.Values {
		q := goodParams()
		q.Set("response_mode", mode)
		r := httptest.NewRequest(http.MethodGet, issuer+"/oauth2/authorize?"+q.Encode(), nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w.lastPage = oauth.PageError{}
		location := w.do(t, r).Header().Get("Location")
		_, query, _ := strings.Cut(location, "?")
		back, err := url.ParseQuery(query)
		must(t, err)
		return back
	}
	set := claimsOf(t, open(send("jwt").Get("response"), "JWT"))
	if set["iss"] != issuer || set["aud"] != "app" || set["code"] == nil || set["state"] != "st" {
		t.Errorf("got %v", set)
	}
	if plain := send("query"); plain.Get("code") == "" {
		t.Errorf("what is not signed is not encrypted: got %v", plain)
	}
	w.change(t, func(c *idp.Client) { c.JWKS = []byte(`{"keys":[]}`) })
	if back := send("jwt"); len(back) != 0 || w.lastPage.Status != http.StatusBadRequest || !strings.Contains(w.lastPage.Description, "jwks") {
		t.Errorf("without a key: got %v %+v, want a page that names the cause", back, w.lastPage)
	}
}
