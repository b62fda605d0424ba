package upstream_test

import (
	"maps"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/idp"
	"idp/internal/upstream"
	"idp/internal/upstream/upstreamtest"
)

func octocat() upstreamtest.Person {
	return upstreamtest.Person{
		Subject: "583231", Email: "Octo@CORP.example", EmailVerified: true, Name: "Octo\u202e Cat",
		Extra: map[string]any{"login": "octocat", "avatar_url": "https://img.example/o.png", "node_id": "MDQ6"},
	}
}

func TestOAuth2_SignsInByLoopback(t *testing.T) { // FD-1
	t.Parallel()
	op := upstreamtest.Start(t)
	op.SignIn(octocat())
	row := op.Plain("chat")
	row.Scopes = []string{"me", "me:email"}
	row.AuthorizationParameters = map[string]string{"allow_signup": "false", "prompt": "consent"}
	p, err := upstream.New(upstream.Config{}).Get(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	got, err := walk(t, op, p, nil)
	want := upstream.Claims{
		Issuer: op.Issuer, Subject: "583231", Email: "octo@corp.example", EmailVerified: true, Name: "Octo Cat",
		Picture: "https://img.example/o.png", PreferredUsername: "octocat",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	query := op.Authorizations()[0]
	for name, want := range map[string]string{
		"scope": "me me:email", "redirect_uri": callbackURI, "state": "state-1", "code_challenge_method": "S256", "allow_signup": "false", "prompt": "consent", "nonce": "",
	} {
		if got := query.Get(name); got != want {
			t.Errorf("%s at the upstream: got %q, want %q", name, got, want)
		}
	}
	if sent := op.TokenRequests()[0]; !sent.Basic || sent.Form.Has("client_secret") || sent.Form.Get("code_verifier") == "" {
		t.Errorf("token request: got %v, want the secret in the header only, and a verifier", sent.Form)
	}
}

func TestOAuth2_PKCECanBeSwitchedOffAndTheSecretPosted(t *testing.T) {
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	row := op.Plain("chat")
	op.Script(func(s *upstreamtest.Script) { s.RefusesPKCE = true })
	row.WithoutPKCE, row.ClientAuthMethod = true, idp.AuthClientSecretPost
	if _, err := signIn(t, op, row); err != nil {
		t.Fatal(err)
	}
	if sent := op.TokenRequests()[0]; sent.Basic || sent.Form.Get("client_secret") != op.ClientSecret || sent.Form.Has("code_verifier") {
		t.Errorf("token request: got %v, want the secret in the form, and no verifier", sent.Form)
	}
}

func TestOAuth2_HintsAreThoseOfEveryProvider(t *testing.T) { // PS-23
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	row := op.Plain("chat")
	row.AuthorizationParameters = map[string]string{"prompt": "consent"}
	p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	address, _, err := p.Begin(t.Context(), upstream.BeginRequest{
		RedirectURI: callbackURI, State: "s", LoginHint: "u&scope=all", Prompt: "login", ACRValues: []string{"urn:up:mfa"},
	})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(address)
	want := map[string]string{"login_hint": "u&scope=all", "prompt": "login", "scope": "", "acr_values": ""} // who must sign in again is asked for it, whatever is configured
	for name, want := range want {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestOAuth2_AddressCountsAsVerifiedOnlyWhereSomethingSaysSo(t *testing.T) { // SEC-7
	t.Parallel()
	const verified, authoritative = "verified", "authoritative"
	unmarked := func(p *idp.Provider) { p.Claims.EmailVerified = "" }
	trusted := func(p *idp.Provider) { p.TrustEmail = true }
	both := func(p *idp.Provider) { unmarked(p); trusted(p) }
	text := func(p *idp.Provider) { p.EmailVerifiedText = true }
	for name, tt := range map[string]struct {
		mark   any
		change func(*idp.Provider)
		want   string
	}{
		"true":                           {true, nil, verified},
		"true, trusted":                  {true, trusted, authoritative},
		"false":                          {false, trusted, ""},
		"absent":                         {nil, trusted, ""},
		"text":                           {"true", trusted, ""},
		"text that is taken":             {"true", text, verified},
		"a number":                       {1, trusted, ""},
		"a list":                         {[]bool{true}, trusted, ""},
		"not asked":                      {true, unmarked, ""},
		"not asked, the operator's word": {nil, both, authoritative},
	} {
		for _, listed := range []bool{false, true} {
			op := upstreamtest.NewInProcess(t)
			who := octocat()
			who.EmailVerified = tt.mark
			op.SignIn(who)
			row := op.Plain("chat")
			if tt.change != nil {
				tt.change(&row)
			}
			want := tt.want
			if listed {
				if row.Claims.EmailVerified == "" {
					continue // a list has its own marks
				}
				row.EmailsURL, row.Claims.Email, row.Claims.EmailVerified = op.Issuer+"/emails", "", ""
			}
			got, err := signIn(t, op, row)
			if err != nil || got.Email != "octo@corp.example" || got.EmailVerified != (want != "") || got.EmailAuthoritative != (want == authoritative) {
				t.Errorf("%s, from the list %v: got %+v, %v, want %q", name, listed, got, err, want)
			}
		}
	}
}

func TestOAuth2_ListOfAddressesIsReadWithCare(t *testing.T) {
	t.Parallel()
	entry := func(email, primary, verified string) string {
		return `{"email":` + email + `,"primary":` + primary + `,"verified":` + verified + `}`
	}
	for name, tt := range map[string]struct {
		body, email string
		verified    bool
		code        string
	}{
		"the primary one":        {"[" + entry(`"a@x.example"`, "false", "true") + "," + entry(`"b@x.example"`, "true", "true") + "]", "b@x.example", true, ""},
		"another one's mark":     {"[" + entry(`"a@x.example"`, "false", "true") + "," + entry(`"b@x.example"`, "true", "false") + "]", "b@x.example", false, ""},
		"none is primary":        {"[" + entry(`"a@x.example"`, "false", "true") + "]", "", false, ""},
		"primary by a text":      {"[" + entry(`"a@x.example"`, `"true"`, "true") + "]", "", false, ""},
		"none":                   {"[]", "", false, ""},
		"no address":             {"[" + entry(`7`, "true", "true") + "]", "", false, ""},
		"broken address":         {"[" + entry(`"a@@x"`, "true", "true") + "]", "", false, ""},
		"two are primary":        {"[" + entry(`"a@x.example"`, "true", "true") + "," + entry(`"b@x.example"`, "true", "true") + "]", "", false, upstream.CodeFailed},
		"two marks":              {`[{"email":"a@x.example","primary":true,"verified":false,"verified":true}]`, "", false, upstream.CodeFailed},
		"an object":              {`{"email":"a@x.example"}`, "", false, upstream.CodeFailed},
		"nulls":                  {`[null]`, "", false, upstream.CodeFailed},
		"texts":                  {`["a@x.example"]`, "", false, upstream.CodeFailed},
		"without end":            {"[" + strings.Repeat(`{},`, 100) + "{}]", "", false, upstream.CodeFailed},
		"deep":                   {strings.Repeat("[", 2000) + strings.Repeat("]", 2000), "", false, upstream.CodeFailed},
		"more than one document": {"[] []", "", false, upstream.CodeFailed},
	} {
		op := upstreamtest.NewInProcess(t)
		row := op.GitHubRow("gh")
		op.Script(func(s *upstreamtest.Script) { s.Raw = map[string]upstreamtest.Raw{"/emails": {Body: tt.body}} })
		got, err := signIn(t, op, row)
		switch {
		case tt.code != "":
			wantCode(t, err, tt.code)
		case err != nil || got.Email != tt.email || got.EmailVerified != tt.verified:
			t.Errorf("%s: got %q verified %v, %v, want %q %v", name, got.Email, got.EmailVerified, err, tt.email, tt.verified)
		}
	}
}

func TestOAuth2_SubjectIsTextOrAWholeNumber(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"id":583231}`:                          "583231",
		`{"id":18446744073709551616}`:            "18446744073709551616", // no float has touched it
		`{"id":"U0 a"}`:                          "U0 a",
		`{"id":" x "}`:                           " x ",
		`{"id":0}`:                               "",
		`{"id":-1}`:                              "",
		`{"id":1.0}`:                             "",
		`{"id":1e3}`:                             "",
		`{"id":` + strings.Repeat("9", 41) + `}`: "",
		`{"id":""}`:                              "",
		`{"id":null}`:                            "",
		`{"id":true}`:                            "",
		`{"id":["1"]}`:                           "",
		`{"id":{"id":"1"}}`:                      "",
		`{"ID":"1"}`:                             "",
		`{"id":"1","id":"2"}`:                    "",
		`{"id":"\u0000"}`:                        "",
		`{"id":"\ud800"}`:                        "",
		`{"id":"` + strings.Repeat("x", 256) + `"}`: "",
		`{"ok":false,"error":"not_authed"}`:         "",
		`[{"id":"1"}]`:                              "",
		`"1"`:                                       "",
		`{"id":"1"} {"id":"2"}`:                     "",
		`{"id":"1"`:                                 "",
		strings.Repeat(`{"id":`, 100) + `1` + strings.Repeat(`}`, 100): "",
	} {
		op := upstreamtest.NewInProcess(t)
		row := op.Plain("chat")
		op.Script(func(s *upstreamtest.Script) { s.Raw = map[string]upstreamtest.Raw{"/userinfo": {Body: body}} })
		got, err := signIn(t, op, row)
		if want == "" {
			wantCode(t, err, upstream.CodeFailed)
		} else if err != nil || got.Subject != want {
			t.Errorf("%s: got %q, %v, want %q", body, got.Subject, err, want)
		}
	}
}

func TestOAuth2_MembersAreFoundByDottedPaths(t *testing.T) {
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	row := op.Plain("chat")
	row.Claims = idp.ClaimMembers{Subject: "data.user.id", Name: "data.name.first", Username: "data.user", Picture: "data.pic", Email: "data.mail.address", EmailVerified: "data.mail.ok"}
	op.Script(func(s *upstreamtest.Script) {
		s.Raw = map[string]upstreamtest.Raw{"/userinfo": {
			Body: `{"id":"outer","data.user.id":"flat","data":{"user":{"id":"inner"},"name":"x","pic":"javascript:alert(1)","mail":{"address":"u@corp.example","ok":true}}}`,
		}}
	})
	got, err := signIn(t, op, row)
	want := upstream.Claims{Issuer: op.Issuer, Subject: "inner", Email: "u@corp.example", EmailVerified: true}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestOAuth2_HostileAnswersSignNobodyIn(t *testing.T) {
	t.Parallel()
	raw := func(path string, a upstreamtest.Raw) func(*upstreamtest.Script) {
		return func(s *upstreamtest.Script) { s.Raw = map[string]upstreamtest.Raw{path: a} }
	}
	moved := func(path, to string) func(*upstreamtest.Script) {
		return func(s *upstreamtest.Script) { s.Redirect = map[string]string{path: to} }
	}
	html := upstreamtest.Raw{Type: "text/html", Body: "<title>Sign in</title>"}
	giant := upstreamtest.Raw{Body: `{"id":"` + strings.Repeat("x", 2<<20) + `"}`}
	for name, tt := range map[string]struct {
		change func(*upstreamtest.Script)
		code   string
	}{
		"token: HTML":            {raw("/token", html), upstream.CodeFailed},
		"token: 500":             {raw("/token", upstreamtest.Raw{Status: 500, Body: "{}"}), upstream.CodeUnavailable},
		"token: too often":       {raw("/token", upstreamtest.Raw{Status: 429, Body: "{}"}), upstream.CodeUnavailable},
		"token: no token":        {raw("/token", upstreamtest.Raw{Body: `{"token_type":"bearer"}`}), upstream.CodeFailed},
		"token: no text":         {raw("/token", upstreamtest.Raw{Body: `{"access_token":["x"]}`}), upstream.CodeFailed},
		"token: another type":    {raw("/token", upstreamtest.Raw{Body: `{"access_token":"x","token_type":"DPoP"}`}), upstream.CodeFailed},
		"token: a header in it":  {raw("/token", upstreamtest.Raw{Body: `{"access_token":"x\r\nX-Evil: 1","token_type":"bearer"}`}), upstream.CodeFailed},
		"token: very long":       {raw("/token", upstreamtest.Raw{Body: `{"access_token":"` + strings.Repeat("x", 17<<10) + `"}`}), upstream.CodeFailed},
		"token: GitHub's 200":    {raw("/token", upstreamtest.Raw{Body: `{"error":"bad_verification_code"}`}), upstream.CodeFailed},
		"token: GitHub's client": {raw("/token", upstreamtest.Raw{Body: `{"error":"incorrect_client_credentials"}`}), upstream.CodeMisconfigured},
		"token: GitHub's URI":    {raw("/token", upstreamtest.Raw{Body: `{"error":"redirect_uri_mismatch"}`}), upstream.CodeMisconfigured},
		"token: elsewhere":       {moved("/token", "https://evil.example/token"), upstream.CodeUnavailable},
		"token: never":           {func(s *upstreamtest.Script) { s.Hang = []string{"/token"} }, upstream.CodeUnavailable},
		"user: HTML":             {raw("/userinfo", html), upstream.CodeFailed},
		"user: giant":            {raw("/userinfo", giant), upstream.CodeMisconfigured},
		"user: empty":            {raw("/userinfo", upstreamtest.Raw{}), upstream.CodeFailed},
		"user: 401":              {raw("/userinfo", upstreamtest.Raw{Status: 401, Body: "{}"}), upstream.CodeFailed},
		"user: 204":              {raw("/userinfo", upstreamtest.Raw{Status: 204}), upstream.CodeFailed},
		"user: 503":              {raw("/userinfo", upstreamtest.Raw{Status: 503, Body: `{"id":"1"}`}), upstream.CodeUnavailable},
		"user: a JWT":            {raw("/userinfo", upstreamtest.Raw{Type: "application/jwt", Body: `{"id":"1"}`}), upstream.CodeFailed},
		"user: elsewhere":        {moved("/userinfo", "https://evil.example/me"), upstream.CodeUnavailable},
		"user: round and round":  {moved("/userinfo", "/userinfo"), upstream.CodeUnavailable},
		"user: never":            {func(s *upstreamtest.Script) { s.Hang = []string{"/userinfo"} }, upstream.CodeUnavailable},
		"emails: not allowed":    {raw("/emails", upstreamtest.Raw{Status: 404, Body: "{}"}), upstream.CodeFailed},
		"emails: giant":          {raw("/emails", giant), upstream.CodeMisconfigured},
		"emails: never":          {func(s *upstreamtest.Script) { s.Hang = []string{"/emails"} }, upstream.CodeUnavailable},
		"another issuer's code":  {func(s *upstreamtest.Script) { other := "https://evil.example"; s.CallbackIss = &other }, upstream.CodeFailed},
		"cancelled":              {func(s *upstreamtest.Script) { s.AuthorizeError = "access_denied" }, upstream.CodeDenied},
	} {
		synctest.Test(t, func(t *testing.T) {
			op := upstreamtest.NewInProcess(t)
			row := op.GitHubRow("gh")
			row.Name = "GitHub"
			op.Script(tt.change)
			began := time.Now()
			_, err := signIn(t, op, row)
			e := wantCode(t, err, tt.code)
			if len(e.Message) < 30 || !strings.Contains(e.Message, "GitHub") || strings.ContainsAny(e.Error(), "\r\n\x00") || len(e.Error()) > 2000 ||
				strings.Contains(e.Error(), op.ClientSecret) {
				t.Errorf("%s: for the person %q, for the log %q", name, e.Message, e.Error())
			}
			if took := time.Since(began); took > 11*time.Second {
				t.Errorf("%s: took %s", name, took)
			}
		})
	}
}

func TestOAuth2_IssOfTheCallbackCountsIfItIsThere(t *testing.T) { // RFC 9207 §2.4
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	row := op.Plain("chat")
	row.Issuer += "/login/oauth"
	own, other := row.Issuer, op.Issuer
	for _, iss := range []*string{nil, &own, &other} {
		op.Script(func(s *upstreamtest.Script) { s.CallbackIss = iss })
		asked := op.Count("/token")
		got, err := signIn(t, op, row)
		if iss == &other {
			if wantCode(t, err, upstream.CodeFailed); op.Count("/token") != asked {
				t.Error("the code of another issuer was sent to the token endpoint")
			}
		} else if err != nil || got.Issuer != own {
			t.Errorf("iss %v: got %+v, %v", iss, got, err)
		}
	}
}

func TestGitHub_NeedsTwoFieldsOnly(t *testing.T) { // FD-13
	t.Parallel()
	p := idp.Provider{ID: "github", Type: "github", ClientID: "Iv1.1", ClientSecret: "s3cret", ProviderEndpoints: idp.ProviderEndpoints{
		AuthorizationParameters: map[string]string{"allow_signup": "false"},
	}}
	for range 2 { // what was filled in is what would be filled in
		if err := upstream.Validate(&p); err != nil {
			t.Fatal(err)
		}
	}
	if p.Issuer != "https://github.com/login/oauth" || p.Name != "GitHub" || p.TrustEmail || p.WithoutPKCE || p.ClientAuthMethod != idp.AuthClientSecretPost || p.Claims.Subject != "id" ||
		p.UserInfoURL != "https://api.github.com/user" || p.EmailsURL != "https://api.github.com/user/emails" || p.AuthorizationParameters["allow_signup"] != "false" {
		t.Errorf("got %+v, want GitHub's defaults", p)
	}
	for name, change := range map[string]func(*idp.Provider){
		"another server's users": func(p *idp.Provider) { p.UserInfoURL = "https://ghe.example/api/v3/user" },
		"another issuer":         func(p *idp.Provider) { p.Issuer = "https://github.com" },
		"the login for the id":   func(p *idp.Provider) { p.Claims.Subject = "login" },
		"half of a server": func(p *idp.Provider) {
			p.ProviderEndpoints = idp.ProviderEndpoints{TokenURL: "https://ghe.example/token"}
		},
	} {
		other := p
		change(&other)
		if err := upstream.Validate(&other); err == nil || !strings.Contains(err.Error(), "use type oauth2") {
			t.Errorf("%s: got %v, want it refused: its numbers are not GitHub's", name, err)
		}
	}
}

func TestExamples_OfPlainOAuth2Work(t *testing.T) { // FD-13: docs/google.md
	t.Parallel()
	for _, tt := range []struct {
		id     string
		claims idp.ClaimMembers
		listed bool
		answer string
		want   upstream.Claims
	}{
		{
			"github-enterprise",
			idp.ClaimMembers{Subject: "id", Name: "name", Username: "login", Picture: "avatar_url"},
			true,
			`{"login":"octo","id":1,"avatar_url":"https://ghe.example/avatars/u/1","name":null,"email":null}`,
			upstream.Claims{Subject: "1", Email: "octo@corp.example", EmailVerified: true, Picture: "https://ghe.example/avatars/u/1", PreferredUsername: "octo"},
		},
		{
			"discord",
			idp.ClaimMembers{Subject: "id", Name: "global_name", Username: "username", Email: "email", EmailVerified: "verified"},
			false,
			`{"id":"80351110224678912","username":"nelly","discriminator":"0","global_name":"Nelly","avatar":"8342729096ea3675442027381ff50dfe","verified":true,"email":"nelly@corp.example","flags":64}`,
			upstream.Claims{Subject: "80351110224678912", Email: "nelly@corp.example", EmailVerified: true, Name: "Nelly", PreferredUsername: "nelly"},
		},
	} {
		op := upstreamtest.NewInProcess(t)
		who := octocat()
		op.SignIn(who)
		row := op.Plain(tt.id)
		row.Claims = tt.claims
		if tt.listed {
			row.EmailsURL = op.Issuer + "/emails"
		}
		op.Script(func(s *upstreamtest.Script) { s.Raw = map[string]upstreamtest.Raw{"/userinfo": {Body: tt.answer}} })
		tt.want.Issuer = op.Issuer
		if got, err := signIn(t, op, row); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %v, want %+v", tt.id, got, err, tt.want)
		}
	}
}

func TestOAuth2_EachFaultNamesItsField(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*idp.Provider)
		field  string
	}{
		"authorization url missing":  {func(p *idp.Provider) { p.AuthorizationURL = "" }, "authorization_url"},
		"authorization url http":     {func(p *idp.Provider) { p.AuthorizationURL, p.Issuer = "http://op.example/a", "" }, "authorization_url"},
		"authorization url no host":  {func(p *idp.Provider) { p.AuthorizationURL = "/authorize" }, "authorization_url"},
		"authorization url's state":  {func(p *idp.Provider) { p.AuthorizationURL += "&state=1" }, "authorization_url"},
		"token url missing":          {func(p *idp.Provider) { p.TokenURL = "" }, "token_url"},
		"token url with a user":      {func(p *idp.Provider) { p.TokenURL = "https://u:p@op.example/t" }, "token_url"},
		"user url missing":           {func(p *idp.Provider) { p.UserInfoURL = "" }, "userinfo_url"},
		"user url with a fragment":   {func(p *idp.Provider) { p.UserInfoURL += "#me" }, "userinfo_url"},
		"emails url relative":        {func(p *idp.Provider) { p.EmailsURL, p.Claims.Email, p.Claims.EmailVerified = "emails", "", "" }, "emails_url"},
		"emails from two places":     {func(p *idp.Provider) { p.EmailsURL = "https://op.example/e" }, "claims.email"},
		"a mark of nothing":          {func(p *idp.Provider) { p.Claims.Email = "" }, "claims.email"},
		"another's issuer":           {func(p *idp.Provider) { p.Issuer = "https://accounts.google.com" }, "issuer"},
		"issuer with a query":        {func(p *idp.Provider) { p.Issuer = "https://op.example?a" }, "issuer"},
		"subject missing":            {func(p *idp.Provider) { p.Claims.Subject = "" }, "claims.subject"},
		"subject an empty step":      {func(p *idp.Provider) { p.Claims.Subject = "data..id" }, "claims.subject"},
		"name far down":              {func(p *idp.Provider) { p.Claims.Name = strings.Repeat("a.", 8) + "a" }, "claims.name"},
		"picture's name very long":   {func(p *idp.Provider) { p.Claims.Picture = strings.Repeat("a", 257) }, "claims.picture"},
		"parameter of the protocol":  {func(p *idp.Provider) { p.AuthorizationParameters = map[string]string{"redirect_uri": "x"} }, "authorization_parameters"},
		"parameter without a value":  {func(p *idp.Provider) { p.AuthorizationParameters = map[string]string{"x": ""} }, "authorization_parameters"},
		"domains without an address": {func(p *idp.Provider) { p.AllowedDomains, p.Claims.EmailVerified = []string{"a.example"}, "" }, "allowed_domains"},
		"vouches":                    {func(p *idp.Provider) { p.Vouchers = []idp.Voucher{{Context: "urn:x", ACR: "urn:y"}} }, "vouches_for"},
		"hosted domain":              {func(p *idp.Provider) { p.HostedDomain = "a.example" }, "hosted_domain"},
		"automatic without trust":    {func(p *idp.Provider) { p.Linking = idp.LinkAutomatic }, "linking"},
		"addresses of oidc":          {func(p *idp.Provider) { p.Type, p.Scopes = "oidc", nil }, "authorization_url"},
	} {
		p := idp.Provider{
			ID: "op", Type: "oauth2", Name: "OP", ClientID: "c", ClientSecret: "top-secret",
			ProviderEndpoints: idp.ProviderEndpoints{
				AuthorizationURL: "https://op.example/authorize?tenant=1", TokenURL: "https://api.example/token", UserInfoURL: "https://api.example/me?fields=id",
				Claims: idp.ClaimMembers{Subject: "id", Email: "email", EmailVerified: "verified"},
			},
		}
		if err := upstream.Validate(&p); err != nil || p.Issuer != "https://op.example" || len(p.Scopes) > 0 {
			t.Fatalf("before the change: %v, issuer %s, scopes %v", err, p.Issuer, p.Scopes)
		}
		tt.change(&p)
		found := false
		for _, e := range idp.Faults(upstream.Validate(&p)) {
			found = found || e.Field == tt.field && len(e.Message) >= 30 && !strings.Contains(e.Message, "top-secret")
		}
		if !found {
			t.Errorf("%s: got %v, want a fault of %s", name, upstream.Validate(&p), tt.field)
		}
	}
}

func TestProbe_LooksAtAddressesOfPlainOAuth2(t *testing.T) {
	t.Parallel()
	raw := func(path string, status int, body string) func(*upstreamtest.Script) {
		return func(s *upstreamtest.Script) { s.Raw = map[string]upstreamtest.Raw{path: {Status: status, Body: body}} }
	}
	for name, tt := range map[string]struct {
		change func(*upstreamtest.Script)
		check  string
		level  upstream.Level
	}{
		"well":                    {func(*upstreamtest.Script) {}, "token_url", upstream.LevelOK},
		"sent to a sign-in page":  {func(s *upstreamtest.Script) { s.Redirect = map[string]string{"/authorize": "https://login.example/"} }, "authorization_url", upstream.LevelOK},
		"no such page":            {raw("/authorize", 404, ""), "authorization_url", upstream.LevelWarning},
		"the secret is wrong":     {raw("/token", 401, `{"error":"invalid_client"}`), "token_url", upstream.LevelError},
		"no token endpoint":       {raw("/token", 404, ""), "token_url", upstream.LevelError},
		"a token for nothing":     {raw("/token", 200, `{"access_token":"x"}`), "token_url", upstream.LevelWarning},
		"the token endpoint down": {raw("/token", 502, ""), "token_url", upstream.LevelError},
		"the user address down":   {raw("/userinfo", 500, ""), "userinfo_url", upstream.LevelError},
		"no list of addresses":    {raw("/emails", 410, ""), "emails_url", upstream.LevelWarning},
	} {
		op := upstreamtest.NewInProcess(t)
		row := op.GitHubRow("gh")
		op.Script(tt.change)
		levels := map[string]upstream.Level{}
		for _, f := range upstream.New(upstream.Config{HTTPClient: op.Client()}).Test(t.Context(), row) {
			levels[f.Check] = f.Level
			if f.Cause == "" || f.Level != upstream.LevelOK && f.Mend == "" || strings.Contains(f.Cause, op.ClientSecret) {
				t.Errorf("%s: finding without cause or mend, or with the secret: %+v", name, f)
			}
		}
		want := map[string]upstream.Level{
			"configuration": upstream.LevelOK, "authorization_url": upstream.LevelOK, "token_url": upstream.LevelOK, "userinfo_url": upstream.LevelOK, "emails_url": upstream.LevelOK,
		}
		want[tt.check] = tt.level
		if !maps.Equal(levels, want) {
			t.Errorf("%s: got %v, want %v", name, levels, want)
		}
	}
}
