package upstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/upstream"
	"idp/internal/upstream/upstreamtest"
)

const callbackURI = "https://idp.example/login/callback/fake"

// signIn walks one person through the upstream and returns what Finish says.
func signIn(t *testing.T, op *upstreamtest.OP, row idp.Provider) (upstream.Claims, error) {
	t.Helper()
	r := upstream.New(upstream.Config{HTTPClient: op.Client()})
	p, err := r.Get(t.Context(), row)
	if err != nil {
		t.Fatalf("get %s: %v", row.ID, err)
	}
	return walk(t, op, p, nil)
}

// walk goes through p; change, if given, plays with the callback.
func walk(t *testing.T, op *upstreamtest.OP, p upstream.Provider, change func(url.Values)) (upstream.Claims, error) {
	t.Helper()
	address, pending, err := p.Begin(t.Context(), upstream.BeginRequest{RedirectURI: callbackURI, State: "state-1"})
	if err != nil {
		return upstream.Claims{}, err
	}
	callback := op.Authorize(address)
	if change != nil {
		change(callback)
	}
	return p.Finish(t.Context(), pending, callback, time.Now())
}

func wantCode(t *testing.T, err error, want string) *idp.Error {
	t.Helper()
	var e *idp.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want an *idp.Error with code %s", err, want)
	}
	if e.Code != want {
		t.Errorf("got code %s (%v), want %s", e.Code, err, want)
	}
	return e
}

func TestSignIn_GoogleSignsInByLoopback(t *testing.T) { // FD-1, FD-11
	t.Parallel()
	op := upstreamtest.Start(t)
	at := time.Now().Add(-time.Minute).Truncate(time.Second).UTC()
	op.SignIn(upstreamtest.Person{
		Subject: "  Ab  ", Email: "Ursula@CORP.example", EmailVerified: true, Name: "Ursula\u202e\nU", HostedDomain: "corp.example",
		Extra: map[string]any{
			"picture": "https://img.example/u.png", "locale": "de", "auth_time": at.Unix(), "amr": []string{"pwd", "otp"}, "acr": "urn:example:mfa",
			"preferred_username": "ursula", "given_name": 7,
		},
	})
	op.Script(func(s *upstreamtest.Script) { s.Alg = "RS256" })
	row := op.GoogleRow("google")
	row.HostedDomain, row.AllowedDomains = "Corp.Example", []string{"corp.example"}
	p, err := upstream.New(upstream.Config{}).Get(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	got, err := walk(t, op, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := upstream.Claims{
		Issuer: op.Issuer, Subject: "  Ab  ", Email: "ursula@corp.example", EmailVerified: true, EmailAuthoritative: true,
		HostedDomain: "corp.example", Name: "UrsulaU", Picture: "https://img.example/u.png", Locale: "de",
		PreferredUsername: "ursula", AuthTime: &at, ACR: "urn:example:mfa", AMR: []string{"pwd", "otp"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	query := op.Authorizations()[0]
	for name, want := range map[string]string{
		"hd": "corp.example", "scope": "openid email profile", "redirect_uri": callbackURI, "state": "state-1", "code_challenge_method": "S256",
	} {
		if got := query.Get(name); got != want {
			t.Errorf("%s at the upstream: got %q, want %q", name, got, want)
		}
	}
	if sent := op.TokenRequests()[0]; !sent.Basic || sent.Form.Has("client_secret") {
		t.Errorf("client authentication: got basic %v, form secret %v, want the header only", sent.Basic, sent.Form.Has("client_secret"))
	}
}

func TestSignIn_SecretMayHaveSpecialCharacters(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		op := upstreamtest.NewInProcess(t)
		op.ClientID, op.ClientSecret = "a:b c%", "ü&=+ %41:x" // RFC 6749 §2.3.1
		row := op.Row("fake")
		row.ClientAuthMethod = method
		if _, err := signIn(t, op, row); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		if got, want := op.TokenRequests()[0].Basic, method == "client_secret_basic"; got != want {
			t.Errorf("%s: got basic %v, want %v", method, got, want)
		}
	}
}

func TestBegin_PassesOnThreeHintsOnly(t *testing.T) { // PS-23
	t.Parallel()
	tests := []struct {
		req  upstream.BeginRequest
		want map[string]string
	}{
		{
			upstream.BeginRequest{LoginHint: "u@corp.example", UILocales: "de fr", Prompt: "login select_account"},
			map[string]string{"login_hint": "u@corp.example", "ui_locales": "de fr", "prompt": "login select_account"},
		},
		{upstream.BeginRequest{Prompt: "none"}, map[string]string{"prompt": "none"}},
		{upstream.BeginRequest{Prompt: "none login"}, map[string]string{"prompt": "login"}},
		{upstream.BeginRequest{Prompt: "evil login login"}, map[string]string{"prompt": "login"}},
		{upstream.BeginRequest{LoginHint: strings.Repeat("x", 321)}, nil},
		{upstream.BeginRequest{LoginHint: "a\r\nb", UILocales: "\x00", Prompt: "<script>"}, nil},
		{upstream.BeginRequest{LoginHint: "x&hd=evil.example&scope=all#"}, map[string]string{"login_hint": "x&hd=evil.example&scope=all#"}},
	}
	op := upstreamtest.NewInProcess(t)
	r := upstream.New(upstream.Config{HTTPClient: op.Client()})
	for _, hd := range []string{"", "corp.example"} {
		row := op.GoogleRow("g" + hd[:min(1, len(hd))])
		row.HostedDomain = hd
		p, err := r.Get(t.Context(), row)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range tests {
			tt.req.State, tt.req.RedirectURI = "s", callbackURI
			address, _, err := p.Begin(t.Context(), tt.req)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			got := u.Query()
			for _, name := range []string{"login_hint", "ui_locales", "prompt"} {
				if got.Get(name) != tt.want[name] {
					t.Errorf("%+v: %s: got %q, want %q", tt.req, name, got.Get(name), tt.want[name])
				}
				got.Del(name)
			}
			if got.Get("hd") != hd {
				t.Errorf("hd: got %q, want %q", got.Get("hd"), hd)
			}
			got.Del("hd")
			if len(got) != 8 {
				t.Errorf("got parameters %v, want the eight of a code request", got)
			}
		}
	}
}

func TestBegin_EachSignInHasItsOwnSecrets(t *testing.T) { // FD-2
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), op.Row("fake"))
	if err != nil {
		t.Fatal(err)
	}
	req := upstream.BeginRequest{RedirectURI: callbackURI, State: "s"}
	_, one, _ := p.Begin(t.Context(), req)
	address, two, _ := p.Begin(t.Context(), req)
	if one.Nonce == two.Nonce || one.CodeVerifier == two.CodeVerifier || one.Nonce == one.CodeVerifier || len(one.Nonce) < 43 {
		t.Errorf("got nonces and verifiers that repeat or are short")
	}
	// Another sign-in's answer does not finish this one: neither its code (PKCE) nor its ID token (nonce).
	_, err = p.Finish(t.Context(), one, op.Authorize(address), time.Now())
	wantCode(t, err, upstream.CodeFailed)
	_, err = p.Finish(t.Context(), upstream.Pending{Nonce: one.Nonce, CodeVerifier: two.CodeVerifier, RedirectURI: callbackURI},
		op.Authorize(address), time.Now())
	if e := wantCode(t, err, upstream.CodeFailed); !strings.Contains(e.Error(), "nonce") {
		t.Errorf("got %v, want the nonce named", e)
	}
	if _, _, err := p.Begin(t.Context(), upstream.BeginRequest{RedirectURI: callbackURI}); err == nil {
		t.Error("Begin without a state: got no error, want one")
	}
	if got := fmt.Sprintf("%v %+v %#v %s", one, one, one, slog.AnyValue(one).Resolve()); strings.Contains(got, one.Nonce) || strings.Contains(got, one.CodeVerifier) {
		t.Errorf("printing Pending shows its secrets: %s", got)
	}
}

func TestCallback_ErrorsHaveCodesAndNoProviderText(t *testing.T) { // PS-18
	t.Parallel()
	tests := []struct{ word, want string }{
		{"access_denied", upstream.CodeDenied},
		{"login_required", upstream.CodeInteractionRequired},
		{"temporarily_unavailable", upstream.CodeUnavailable},
		{"server_error", upstream.CodeUnavailable},
		{"<script>alert(1)</script>", upstream.CodeFailed},
		{"unauthorized_client", upstream.CodeFailed}, // forgeable, so no alarm
		{"x\x00\x1b[31m\n" + strings.Repeat("y", 1000), upstream.CodeFailed},
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		op.Script(func(s *upstreamtest.Script) {
			s.AuthorizeError, s.AuthorizeDescription = tt.word, "<b>provider</b> says\r\nInjected: yes"
		})
		_, err := signIn(t, op, op.Row("fake"))
		e := wantCode(t, err, tt.want)
		if strings.Contains(e.Message, "provider") || strings.Contains(e.Message, "script") || !strings.Contains(e.Message, "Fake fake") {
			t.Errorf("%q: the message shows provider text, or not whom: %s", tt.word, e.Message)
		}
		if log := e.Err.Error(); len(log) > 600 || strings.ContainsAny(log, "\r\n\x00\x1b") || !strings.Contains(log, "provider") {
			t.Errorf("%q: the log text is unbounded, raw, or lacks the description: %q", tt.word, log)
		}
		if n := op.Count("/token"); n != 0 {
			t.Errorf("%q: got %d token requests, want none", tt.word, n)
		}
	}
}

func TestCallback_HostileParametersAreRefused(t *testing.T) {
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), op.Row("fake"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(url.Values){
		"no code":   func(v url.Values) { v.Del("code") },
		"two codes": func(v url.Values) { v.Add("code", "x") },
		"two iss":   func(v url.Values) { v["iss"] = []string{op.Issuer, op.Issuer} },
		"long code": func(v url.Values) { v.Set("code", strings.Repeat("x", 8<<10+1)) },
		"two error": func(v url.Values) { v["error"] = []string{"access_denied", "x"} },
	} {
		_, err := walk(t, op, p, change)
		wantCode(t, err, upstream.CodeFailed)
		if n := op.Count("/token"); n != 0 {
			t.Errorf("%s: got %d token requests, want none", name, n)
		}
	}
	for name, values := range map[string]url.Values{
		"missing": {}, "empty": {"state": {""}}, "two": {"state": {"a", "a"}}, "long": {"state": {strings.Repeat("x", 513)}},
	} {
		if s, err := upstream.State(values); err == nil {
			t.Errorf("state %s: got %q, want an error", name, s)
		}
	}
	if s, err := upstream.State(url.Values{"state": {"&=+%/ü"}}); err != nil || s != "&=+%/ü" {
		t.Errorf("got %q, %v, want the state as it was", s, err)
	}
}

func TestCallback_IssuerMixUpIsRefused(t *testing.T) { // RFC 9207 §2.4
	t.Parallel()
	text := func(s string) *string { return &s }
	tests := []struct {
		name     string
		announce bool
		iss      func(op *upstreamtest.OP) *string
		ok       bool
	}{
		{"announced and right", true, func(*upstreamtest.OP) *string { return nil }, true},
		{"announced and missing", true, func(*upstreamtest.OP) *string { return text("") }, false},
		{"announced and other", true, func(*upstreamtest.OP) *string { return text("https://attacker.example") }, false},
		{"not announced, right", false, func(op *upstreamtest.OP) *string { return &op.Issuer }, true},
		{"not announced, other", false, func(*upstreamtest.OP) *string { return text("https://attacker.example") }, false},
		{"a slash more", false, func(op *upstreamtest.OP) *string { return text(op.Issuer + "/") }, false},
		{"Google's spelling elsewhere", false, func(*upstreamtest.OP) *string { return text("accounts.google.com") }, false},
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		op.Script(func(s *upstreamtest.Script) { s.AnnounceIss, s.CallbackIss = tt.announce, tt.iss(op) })
		_, err := signIn(t, op, op.Row("fake"))
		if (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want ok %v", tt.name, err, tt.ok)
		}
		if n := op.Count("/token"); !tt.ok && n != 0 {
			t.Errorf("%s: the code was sent to the token endpoint", tt.name)
		}
		// An error answer is checked as well.
		op.Script(func(s *upstreamtest.Script) { s.AuthorizeError = "access_denied" })
		_, err = signIn(t, op, op.Row("fake"))
		want := upstream.CodeDenied
		if !tt.ok {
			want = upstream.CodeFailed
		}
		wantCode(t, err, want)
	}
}

func TestExchange_FailuresAreToldApart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status     int
		word, want string
	}{
		{0, "invalid_grant", upstream.CodeFailed},
		{401, "invalid_client", upstream.CodeMisconfigured},
		{500, "", upstream.CodeUnavailable},
		{503, "temporarily_unavailable", upstream.CodeUnavailable},
		{429, "", upstream.CodeUnavailable},
		{200, "invalid_grant", upstream.CodeFailed}, // some answer errors with 200
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		op.Script(func(s *upstreamtest.Script) {
			s.TokenStatus, s.TokenError = tt.status, tt.word
			s.TokenDescription = "you sent " + op.ClientSecret + "\n<b>"
		})
		_, err := signIn(t, op, op.Row("fake"))
		e := wantCode(t, err, tt.want)
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Error("x", "error", err)
		code := op.TokenRequests()[0].Form.Get("code")
		if strings.Contains(logged.String(), op.ClientSecret) || strings.Contains(logged.String(), code) || strings.Contains(e.Message, "sent") {
			t.Errorf("%d %s: a secret or provider text leaks: %s", tt.status, tt.word, logged.String())
		}
	}
	for name, change := range map[string]func(map[string]any){
		"no id_token":        func(m map[string]any) { delete(m, "id_token") },
		"id_token a number":  func(m map[string]any) { m["id_token"] = 7 },
		"id_token an object": func(m map[string]any) { m["id_token"] = map[string]any{"sub": "x"} },
		"no access token":    func(m map[string]any) { delete(m, "access_token") },
	} {
		op := upstreamtest.NewInProcess(t)
		op.Script(func(s *upstreamtest.Script) { s.Token = change })
		_, err := signIn(t, op, op.Row("fake"))
		if err == nil {
			t.Errorf("%s: got no error, want one", name)
			continue
		}
		wantCode(t, err, upstream.CodeFailed)
	}
}

func TestUserInfo_FillsWhatTheIDTokenLacks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(map[string]any)
		status int
		want   string // error code, or empty
	}{
		{"right", nil, 0, ""},
		{"other sub", func(m map[string]any) { m["sub"] = "somebody" }, 0, upstream.CodeFailed},
		{"sub in other case", func(m map[string]any) { m["sub"] = "upstream-subject-1" }, 0, upstream.CodeFailed},
		{"no sub", func(m map[string]any) { delete(m, "sub") }, 0, upstream.CodeFailed},
		{"refused", nil, 403, upstream.CodeFailed},
		{"broken", nil, 502, upstream.CodeUnavailable},
		{"too large", func(m map[string]any) { m["x"] = strings.Repeat("x", 1<<20) }, 0, upstream.CodeMisconfigured},
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		op.Script(func(s *upstreamtest.Script) { s.LeanIDToken, s.UserInfo, s.UserInfoStatus = true, tt.change, tt.status })
		got, err := signIn(t, op, op.Row("fake"))
		if tt.want != "" {
			wantCode(t, err, tt.want)
			continue
		}
		if err != nil || got.Email != "ursula@corp.example" || !got.EmailVerified || got.Name != "Ursula Upstream" {
			t.Errorf("%s: got %+v, %v, want the person's claims", tt.name, got, err)
		}
	}

	op := upstreamtest.NewInProcess(t)
	if _, err := signIn(t, op, op.Row("fake")); err != nil || op.Count("/userinfo") != 0 {
		t.Errorf("full ID token: got %d UserInfo requests, %v, want none", op.Count("/userinfo"), err)
	}
	// The mark in the ID token does not vouch for the address in UserInfo, nor UserInfo's hd for the Workspace.
	op.Script(func(s *upstreamtest.Script) {
		s.LeanIDToken = true
		s.Claims = func(m map[string]any) { m["email_verified"] = true }
		s.UserInfo = func(m map[string]any) { delete(m, "email_verified"); m["hd"] = "corp.example" }
	})
	got, err := signIn(t, op, op.GoogleRow("fake"))
	if err != nil || got.EmailVerified || got.EmailAuthoritative || got.HostedDomain != "" {
		t.Errorf("mixed sources: got %+v, %v, want an unverified address and no hd", got, err)
	}
}

func TestFinish_BrowserGoneIsNoSuccess(t *testing.T) {
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), op.Row("fake"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = p.Begin(ctx, upstream.BeginRequest{RedirectURI: callbackURI, State: "s"})
	if err != nil { // either is right: the document may have been there already
		wantCode(t, err, upstream.CodeUnavailable)
	}
}
