package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"idp/internal/idp"
)

// authorize sends raw parameters, by GET or POST, with the cookies of somebody who is signed in.
func (w *world) authorize(t testing.TB, method, params string, cookies []*http.Cookie) (status int, back url.Values) {
	t.Helper()
	var r *http.Request
	if method == http.MethodPost {
		r = httptest.NewRequest(method, issuer+"/oauth2/authorize", strings.NewReader(params))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r = httptest.NewRequest(method, issuer+"/oauth2/authorize", nil)
		r.URL.RawQuery = params
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return w.authorizeBy(t, r)
}

func goodParams() url.Values {
	return url.Values{
		"client_id": {"app"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"st"}, "prompt": {"none"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}
}

// RFC 6749 §4.1.2.1: what is wrong with the client or the redirect URI gets a page; everything else is told the client, with state
// and iss, whichever way the request came.
func TestAuthorize_ErrorsGoWhereTheyBelong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cookies := w.signIn(t)
	with := func(name, value string) string {
		q := goodParams()
		q.Set(name, value)
		return q.Encode()
	}
	without := func(name string) string {
		q := goodParams()
		q.Del(name)
		return q.Encode()
	}
	long := strings.Repeat("x", 5000)
	for name, c := range map[string]struct{ params, want string }{ // want "" is a page
		"no client":                    {without("client_id"), ""},
		"unknown client":               {with("client_id", "nobody"), ""},
		"client id with a zero byte":   {with("client_id", "app\x00"), ""},
		"client twice":                 {goodParams().Encode() + "&client_id=app", ""},
		"unknown redirect URI":         {with("redirect_uri", callback+"/"), ""},
		"redirect URI twice":           {goodParams().Encode() + "&redirect_uri=" + url.QueryEscape(callback), ""},
		"a broken escape":              {goodParams().Encode() + "&x=%zz", ""},
		"a semicolon":                  {goodParams().Encode() + ";x=1", ""},
		"bytes that are no text":       {goodParams().Encode() + "&x=%ff", ""},
		"65 parameters":                {goodParams().Encode() + strings.Repeat("&a=", 64), ""},
		"state twice":                  {goodParams().Encode() + "&state=other", "invalid_request"},
		"an unknown parameter twice":   {goodParams().Encode() + "&x=1&x=2", "invalid_request"},
		"scope twice":                  {goodParams().Encode() + "&scope=openid", "invalid_request"},
		"no response type":             {without("response_type"), "invalid_request"},
		"response type token":          {with("response_type", "token"), "unsupported_response_type"},
		"response type code id_token":  {with("response_type", "code id_token"), "unauthorized_client"},
		"response mode unknown":        {with("response_mode", "web_message"), "invalid_request"},
		"response mode fragment":       {with("response_mode", "fragment"), "code"},
		"unknown scope":                {with("scope", "openid nonsense"), "invalid_scope"},
		"another client's scope":       {with("scope", "idp.admin"), "invalid_scope"},
		"unknown prompt":               {with("prompt", "create"), "invalid_request"},
		"none with others":             {with("prompt", "none login"), "invalid_request"},
		"negative max_age":             {with("max_age", "-1"), "invalid_request"},
		"max_age as a word":            {with("max_age", "soon"), "invalid_request"},
		"huge max_age":                 {with("max_age", "99999999999999999999"), "invalid_request"},
		"long state":                   {with("state", long), "invalid_request"},
		"long nonce":                   {with("nonce", long), "invalid_request"},
		"request object":               {with("request", "eyJ"), "request_not_supported"},
		"request URI":                  {with("request_uri", "https://x.example/"), "request_uri_not_supported"},
		"registration":                 {with("registration", "{}"), "registration_not_supported"},
		"plain PKCE":                   {with("code_challenge_method", "plain"), "invalid_request"},
		"PKCE without its method":      {without("code_challenge_method"), "invalid_request"},
		"method without PKCE":          {without("code_challenge"), "invalid_request"},
		"short challenge":              {with("code_challenge", "x"), "invalid_request"},
		"challenge of other letters":   {with("code_challenge", strings.Repeat("=", 43)), "invalid_request"},
		"hint that is none":            {with("id_token_hint", "x"), "invalid_request"},
		"a fine request":               {goodParams().Encode(), "code"},
		"an unknown parameter":         {with("utm_source", "x"), "code"},
		"an audience of other servers": {with("audience", "https://api.example"), "code"},
		"two resources":                {goodParams().Encode() + "&resource=https://a.example&resource=https://b.example", "invalid_target"},
		"no scope":                     {without("scope"), "code"},
		"no state":                     {without("state"), "code"},
		"one letter of state":          {with("state", "x"), "code"},
		"empty parameters":             {goodParams().Encode() + "&nonce=&login_hint=&x=", "code"},
		"odd state":                    {with("state", "ü \n\"<>&=%"), "code"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			status, back := w.authorize(t, method, c.params, cookies)
			switch {
			case status >= 500:
				t.Errorf("%s %s: got %d", method, name, status)
			case c.want == "":
				if back != nil || status != http.StatusBadRequest {
					t.Errorf("%s %s: got %d %v, want a page", method, name, status, back)
				}
			case c.want == "code":
				if back.Get("code") == "" {
					t.Errorf("%s %s: got %d %v %+v, want a code", method, name, status, back, w.lastPage)
				}
			case back.Get("error") != c.want || back.Get("iss") != issuer || back.Get("error_description") == "":
				t.Errorf("%s %s: got %d %v, want %s with iss", method, name, status, back, c.want)
			}
			if q, err := url.ParseQuery(c.params); err == nil && back != nil && back.Get("state") != q.Get("state") && name != "long state" {
				t.Errorf("%s %s: got state %q, want it as it came", method, name, back.Get("state"))
			}
		}
	}
}

// RFC 6749 §5.2: each fault of a token request has its code and status, and none is ours.
func TestToken_EachFaultHasItsError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	public := *w.client
	public.ID, public.AuthMethods, public.Secrets = "public", []string{idp.AuthNone}, nil
	must(t, w.store.CreateClient(t.Context(), &public))
	narrow := *w.client
	narrow.ID, narrow.GrantTypes = "narrow", []string{idp.GrantAuthorizationCode}
	must(t, w.store.CreateClient(t.Context(), &narrow))
	const form = "application/x-www-form-urlencoded"
	cc := "grant_type=client_credentials&scope=api"
	basic := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(id, secret) }
	}
	good := basic("app", w.secret)
	header := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	for name, c := range map[string]struct {
		body   string
		auth   func(*http.Request)
		status int
		want   string
	}{
		"fine":                          {cc, good, 200, ""},
		"fine, in the body":             {cc + "&client_id=app&client_secret=" + w.secret, nil, 200, ""},
		"fine, id in both":              {cc + "&client_id=app", good, 200, ""},
		"fine, empty parameters":        {cc + "&code=&x=", good, 200, ""},
		"no grant":                      {"scope=api", good, 400, "invalid_request"},
		"unknown grant":                 {"grant_type=password", good, 400, "unsupported_grant_type"},
		"grant twice":                   {cc + "&grant_type=client_credentials", good, 400, "invalid_request"},
		"a broken escape":               {cc + "&x=%zz", good, 400, "invalid_request"},
		"no text":                       {cc + "&x=%ff", good, 400, "invalid_request"},
		"a zero byte":                   {cc + "&x=%00", good, 400, "invalid_request"},
		"too many parameters":           {cc + strings.Repeat("&x=", 64), good, 400, "invalid_request"},
		"too long":                      {cc + "&x=" + strings.Repeat("x", 70_000), good, 413, "invalid_request"},
		"no client":                     {cc, nil, 401, "invalid_client"},
		"unknown client":                {cc, basic("nobody", "x"), 401, "invalid_client"},
		"a zero byte in the id":         {cc, basic("app\x00", "x"), 401, "invalid_client"},
		"an escaped zero byte":          {cc, basic("app%00", "x"), 401, "invalid_client"},
		"no text in the id":             {cc, basic("app\xff", "x"), 401, "invalid_client"},
		"wrong secret":                  {cc, basic("app", "x"), 401, "invalid_client"},
		"empty secret":                  {cc, basic("app", ""), 401, "invalid_client"},
		"another scheme":                {cc, header("Bearer x"), 401, "invalid_client"},
		"broken base64":                 {cc, header("Basic !"), 401, "invalid_client"},
		"no colon":                      {cc, header("Basic YXBw"), 401, "invalid_client"},
		"twice authenticated":           {cc + "&client_id=app&client_secret=x", good, 400, "invalid_request"},
		"another id in the body":        {cc + "&client_id=public", good, 400, "invalid_request"},
		"an assertion beside a secret":  {cc + "&client_assertion=x", good, 400, "invalid_request"},
		"an assertion of no kind":       {cc + "&client_assertion=x", nil, 401, "invalid_client"},
		"confidential without a secret": {cc + "&client_id=app", nil, 401, "invalid_client"},
		"public with a secret":          {cc + "&client_id=public&client_secret=x", nil, 401, "invalid_client"},
		"public for itself":             {cc + "&client_id=public", nil, 400, "unauthorized_client"},
		"grant not registered":          {cc, basic("narrow", w.secret), 400, "unauthorized_client"},
		"unknown scope":                 {"grant_type=client_credentials&scope=nonsense", good, 400, "invalid_scope"},
		"a person's scope":              {"grant_type=client_credentials&scope=openid", good, 400, "invalid_scope"},
		"no code":                       {"grant_type=authorization_code", good, 400, "invalid_request"},
		"garbage for a code":            {"grant_type=authorization_code&code=x&redirect_uri=x", good, 400, "invalid_grant"},
		"no refresh token":              {"grant_type=refresh_token", good, 400, "invalid_request"},
		"garbage for a refresh token":   {"grant_type=refresh_token&refresh_token=x", good, 400, "invalid_grant"},
	} {
		r := httptest.NewRequest(http.MethodPost, issuer+"/oauth2/token", strings.NewReader(c.body))
		r.Header.Set("Content-Type", form)
		if c.auth != nil {
			c.auth(r)
		}
		rec := w.do(t, r)
		answer := decode(t, rec)
		code, _ := answer["error"].(string)
		if rec.Code != c.status || code != c.want {
			t.Errorf("%s: got %d %v, want %d %s", name, rec.Code, answer, c.status, c.want)
		}
		if rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: got headers %v, want JSON that nobody keeps", name, rec.Header())
		}
		if (rec.Code == 401) != (rec.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s: got challenge %q with %d", name, rec.Header().Get("WWW-Authenticate"), rec.Code)
		}
		for _, r := range code + answerText(answer["error_description"]) {
			if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
				t.Errorf("%s: the error has %q, which RFC 6749 §5.2 does not allow", name, r)
			}
		}
	}
	for name, change := range map[string]func(*http.Request){
		"JSON":               func(r *http.Request) { r.Header.Set("Content-Type", "application/json") },
		"no type":            func(r *http.Request) { r.Header.Del("Content-Type") },
		"secret in the URL":  func(r *http.Request) { r.URL.RawQuery = "client_secret=x" },
		"grant in the URL":   func(r *http.Request) { r.URL.RawQuery = "grant_type=x" },
		"a broken URL query": func(r *http.Request) { r.URL.RawQuery = "%zz" },
	} {
		r := httptest.NewRequest(http.MethodPost, issuer+"/oauth2/token", strings.NewReader(cc))
		r.Header.Set("Content-Type", form)
		good(r)
		change(r)
		if rec := w.do(t, r); rec.Code != 400 || decode(t, rec)["error"] != "invalid_request" {
			t.Errorf("%s: got %d %s, want 400 invalid_request", name, rec.Code, rec.Body)
		}
	}
	for _, path := range []string{"/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"} {
		rec := w.do(t, httptest.NewRequest(http.MethodGet, issuer+path, nil))
		if rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "POST" {
			t.Errorf("GET %s: got %d, Allow %q", path, rec.Code, rec.Header().Get("Allow"))
		}
	}
}

func answerText(v any) string { s, _ := v.(string); return s }

// RFC 6750 §3: no token gets a bare challenge; a wrong way of sending one is the request's fault; a bad one is invalid_token.
func TestUserInfo_EachFaultHasItsChallenge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.tokens(t)["access_token"].(string)
	_, _, plain := w.exchange(t, w.az(t, w.signIn(t), "scope", "email").Get("code"))
	_, _, own := w.token(t, "grant_type", "client_credentials", "scope", "api")
	for name, c := range map[string]struct {
		method, query, body string
		headers             []string
		status              int
		want                string
	}{
		"GET":                {method: "GET", headers: []string{"Bearer " + good}, status: 200},
		"POST":               {method: "POST", headers: []string{"Bearer " + good}, status: 200},
		"lower case":         {method: "GET", headers: []string{"bearer " + good}, status: 200},
		"in the body":        {method: "POST", body: "access_token=" + good, status: 200},
		"none":               {method: "GET", status: 401},
		"another scheme":     {method: "GET", headers: []string{"Basic eDp5"}, status: 401},
		"empty":              {method: "GET", headers: []string{"Bearer "}, status: 401},
		"in the URL":         {method: "GET", query: "access_token=" + good, status: 400, want: "invalid_request"},
		"twice":              {method: "POST", headers: []string{"Bearer " + good}, body: "access_token=" + good, status: 400, want: "invalid_request"},
		"two headers":        {method: "GET", headers: []string{"Bearer " + good, "Bearer " + good}, status: 400, want: "invalid_request"},
		"twice in the body":  {method: "POST", body: "access_token=" + good + "&access_token=x", status: 400, want: "invalid_request"},
		"garbage":            {method: "GET", headers: []string{"Bearer x"}, status: 401, want: "invalid_token"},
		"two words":          {method: "GET", headers: []string{"Bearer " + good + " x"}, status: 401, want: "invalid_token"},
		"without openid":     {method: "GET", headers: []string{"Bearer " + plain["access_token"].(string)}, status: 403, want: "insufficient_scope"},
		"of the application": {method: "GET", headers: []string{"Bearer " + own["access_token"].(string)}, status: 403, want: "insufficient_scope"},
	} {
		r := httptest.NewRequest(c.method, issuer+"/oauth2/userinfo", strings.NewReader(c.body))
		r.URL.RawQuery = c.query
		r.Header["Authorization"] = c.headers
		if c.body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		rec := w.do(t, r)
		challenge := rec.Header().Get("WWW-Authenticate")
		wantChallenge := `Bearer realm="` + issuer + `"`
		if c.want != "" {
			wantChallenge += `, error="` + c.want + `"`
		}
		if rec.Code != c.status || c.status != 200 && !strings.HasPrefix(challenge, wantChallenge) || c.want == "" && strings.Contains(challenge, "error") {
			t.Errorf("%s: got %d with challenge %q, want %d with %q", name, rec.Code, challenge, c.status, wantChallenge)
		}
	}
}
