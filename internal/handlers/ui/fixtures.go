package ui

import (
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/language"

	"idp/internal/idp"
)

// Fixture is one page in one state, under a name that reads like a path: "login/wrong-password".
type Fixture struct {
	Name string
	Page Page
}

// The people, places and references of the fixtures.
const (
	sampleCSRF  = "csrf-5Yq0d8uJ"
	sampleI     = "0198c5c2a7b07d1f"
	sampleTrace = "7QK4-M2VX-9D"
	sampleHost  = "notes.example.com"
)

// Fixtures returns every page in every state. The gallery shows them; goldens, the accessibility tests and the check of a theme
// run over them.
func Fixtures() []Fixture {
	var all []Fixture
	for _, group := range [][]Fixture{loginFixtures(), registerFixtures(), otherSignInFixtures(), consentFixtures(), deviceFixtures(), approvalsFixtures(), leaveFixtures(), failureFixtures(), homeFixtures()} {
		all = append(all, group...)
	}
	return all
}

// show makes a fixture in English.
func show(name string, v View) Fixture { return Fixture{Name: name, Page: Page{View: v}} }

// in puts a fixture into another language.
func in(tag language.Tag, f Fixture) Fixture {
	f.Name += "-" + strings.ToLower(tag.String())
	f.Page.Locale = Locale{tag: tag}
	return f
}

func sampleForm() Form { return Form{CSRF: sampleCSRF, Interaction: sampleI} }

func sampleClient() *Client {
	return &Client{
		Name:      "Field Notes",
		PolicyURL: "https://notes.example.com/privacy", TermsURL: "https://notes.example.com/terms",
	}
}

func sampleAccount() *Account { return &Account{Name: "Ada Lovelace", Identifier: "ada@example.com"} }

func google() Provider { return Provider{ID: "google", Name: "Google", Icon: "google"} }

// hostile is an application whose registration tries everything.
func hostile() *Client {
	return ClientOf(&idp.Client{
		Name: `</strong><script>alert(1)</script> ` + "\u202egnp.exe " + strings.Repeat("Überlangername", 6),
	})
}

func loginFixtures() []Fixture {
	plain := Login{Form: sampleForm(), Client: sampleClient(), Providers: []Provider{google()}, CanCancel: true}
	many := plain
	many.Providers = []Provider{google(), {ID: "campus", Name: "Campus Login"}}
	alone := Login{Form: Form{CSRF: sampleCSRF}}
	hinted := plain
	hinted.Identifier = "ada@example.com"
	wrong := plain
	wrong.Identifier, wrong.Remember, wrong.Problems = "ada@example.com", true, Problems{{Message: Say(MsgBadCredentials)}}
	empty := plain
	empty.Problems = Problems{{"identifier", Say(MsgMissingIdentifier)}, {"password", Say(MsgMissingPassword)}}
	slow := plain
	slow.Identifier, slow.RetryAfter = "ada@example.com", 4*time.Minute+10*time.Second
	only := plain
	only.HidePassword = true
	choose := plain
	choose.Step, choose.Account = LoginSelect, sampleAccount()
	again := plain
	again.Step, again.Account, again.Notice, again.Providers = LoginReauth, sampleAccount(), Say(MsgReauthenticate), nil
	otherWay := again
	otherWay.Notice = Say(MsgOtherWay)
	otherUpstream := otherWay
	otherUpstream.HidePassword, otherUpstream.Providers = true, plain.Providers
	onlyUpstream := only
	onlyUpstream.Notice = Say(MsgOtherWay)
	againWrong := again
	againWrong.Problems = Problems{{"password", Say(MsgWrongPassword)}}
	open := plain
	open.MayRegister = true
	bad := plain
	bad.Client, bad.Identifier = hostile(), `"><img src=x onerror=alert(1)>`
	return []Fixture{
		show("login", plain),
		in(language.German, show("login", plain)),
		in(language.French, show("login", plain)),
		in(language.Spanish, show("login", plain)),
		in(language.Italian, show("login", plain)),
		in(language.Dutch, show("login", plain)),
		in(language.Polish, show("login", plain)),
		in(language.BrazilianPortuguese, show("login", plain)),
		in(language.Japanese, show("login", plain)),
		in(language.SimplifiedChinese, show("login", plain)),
		in(language.Arabic, show("login", plain)),
		in(language.Arabic, show("login/wrong-password", wrong)),
		show("login/no-application", alone),
		show("login/several-providers", many),
		show("login/hint", hinted),
		show("login/wrong-password", wrong),
		show("login/empty", empty),
		show("login/throttled", slow),
		in(language.German, show("login/throttled", slow)),
		show("login/providers-only", only),
		show("login/select-account", choose),
		show("login/reauthenticate", again),
		show("login/reauthenticate-wrong", againWrong),
		show("login/step-up", otherWay),
		show("login/step-up-upstream", otherUpstream),
		show("login/certain-way", onlyUpstream),
		show("login/registration-open", open),
		in(language.German, show("login/registration-open", open)),
		show("login/hostile-application", bad),
	}
}

func registerFixtures() []Fixture {
	plain := Register{Form: sampleForm(), Client: sampleClient(), MinPassword: 12, CanCancel: true}
	alone := Register{Form: Form{CSRF: sampleCSRF}, MinPassword: 12}
	hinted := plain
	hinted.Email = "ada@example.com"
	other := hinted
	other.Account = &Account{Name: "Grace Hopper", Identifier: "grace@example.com"}
	wrong := plain
	wrong.Email, wrong.Username = "ada@example", "a da"
	wrong.Problems = Problems{
		{"email", Say(MsgInvalidEmail)},
		{"username", Say(MsgInvalidUsername)},
		{"password", Message{ID: MsgPasswordTooShort, Data: map[string]any{"Min": 12}}},
	}
	differ := hinted
	differ.Problems = Problems{{"password_again", Say(MsgPasswordsDiffer)}}
	taken := hinted
	taken.Problems = Problems{{"email", Say(MsgAddressTaken)}}
	takenName := hinted
	takenName.Username, takenName.Problems = "ada", Problems{{"username", Say(MsgUsernameTaken)}}
	slow := hinted
	slow.RetryAfter = time.Hour
	busy := hinted
	busy.Problems = Problems{{Message: Say(MsgBusy)}}
	bad := plain
	bad.Client, bad.Email, bad.Username = hostile(), `"><img src=x onerror=alert(1)>`, `"><b>`
	return []Fixture{
		show("register", plain),
		in(language.German, show("register", plain)),
		in(language.French, show("register", plain)),
		in(language.Spanish, show("register", plain)),
		show("register/no-application", alone),
		show("register/hint", hinted),
		show("register/signed-in", other),
		in(language.French, show("register/signed-in", other)),
		show("register/wrong", wrong),
		in(language.Spanish, show("register/wrong", wrong)),
		in(language.Polish, show("register/wrong", wrong)),
		show("register/passwords-differ", differ),
		show("register/address-taken", taken),
		in(language.German, show("register/address-taken", taken)),
		show("register/username-taken", takenName),
		show("register/throttled", slow),
		show("register/busy", busy),
		show("register/hostile-application", bad),
		show("error/registration-closed", FailureOf(http.StatusNotFound, "registration_closed")),
	}
}

func otherSignInFixtures() []Fixture {
	link := Link{Form: sampleForm(), Client: sampleClient(), Provider: google(), Address: sampleAccount().Identifier}
	linkWrong := link
	linkWrong.Problems = Problems{{"password", Say(MsgWrongPassword)}}
	failed := UpstreamFailed{
		Form: sampleForm(), Client: sampleClient(), Provider: google(), Reason: Say(MsgUpstreamDenied), CanCancel: true,
		TraceID: sampleTrace,
	}
	notAllowed := failed
	notAllowed.Reason, notAllowed.HidePassword = Say(MsgUpstreamNotAllowed), true
	loop := Loop{Client: sampleClient(), Count: 10, Window: time.Minute, RetryURL: "/oauth2/resume?i=" + sampleI, TraceID: sampleTrace}
	return []Fixture{
		show("link", link),
		show("link/wrong-password", linkWrong),
		in(language.German, show("link", link)),
		show("upstream-failed", failed),
		show("upstream-failed/not-allowed", notAllowed),
		show("loop", loop),
		show("loop/no-application", Loop{Count: 12, Window: 30 * time.Second}),
	}
}

func consentFixtures() []Fixture {
	plain := Consent{
		Form: sampleForm(), Client: sampleClient(), RedirectHost: sampleHost, Account: *sampleAccount(),
		Scopes: []Scope{{Name: "openid"}, {Name: "profile"}, {Name: "email"}, {Name: "offline_access"}},
	}
	own := plain
	own.Scopes = []Scope{
		{Name: "openid", Allowed: true},
		{Name: "address"},
		{Name: "phone"},
		{Name: "roles"},
		{Name: "notes:write", Description: "Write notes in your name"},
		{Name: "notes:read"},
	}
	detailed := plain
	detailed.DetailDigest = "5e884898"
	detailed.Details = []Detail{{Title: "Start a payment", Fields: []DetailField{{"amount › currency", "EUR"}, {"amount › value", "123.50"}, {"to", "Merchant <b>A</b>"}}}, {Title: "urn:example:account"}}
	bad := plain
	bad.Client, bad.RedirectHost, bad.Unverified = hostile(), "notes.example.com.evil-and-long.subdomain.example.net", true
	bad.Account = Account{Name: "عائشة", Identifier: "aisha@example.com"}
	stranger := plain
	stranger.RedirectHost, stranger.Unverified, stranger.Loopback = "127.0.0.1:51004", true, true
	stranger.Client = sampleClient()
	stranger.Client.HomeURL = "https://notes.example.com/"
	return []Fixture{
		show("consent/stranger", stranger),
		in(language.German, show("consent/stranger", stranger)),
		show("consent", plain),
		in(language.German, show("consent", plain)),
		in(language.French, show("consent", plain)),
		in(language.Arabic, show("consent", plain)),
		show("consent/own-scopes", own),
		show("consent/details", detailed),
		show("consent/hostile-application", bad),
	}
}

func leaveFixtures() []Fixture {
	return []Fixture{
		show("logout", Logout{Form: sampleForm(), Client: sampleClient(), Account: *sampleAccount()}),
		show("logout/no-application", Logout{Form: Form{CSRF: sampleCSRF}, Account: Account{Name: "ada", Identifier: "ada"}}),
		show("logout/another-person", Logout{Form: sampleForm(), Client: sampleClient(), Account: *sampleAccount(), Other: true}),
		in(language.German, show("logout/another-person", Logout{Form: sampleForm(), Client: sampleClient(), Account: *sampleAccount(), Other: true})),
		show("signed-out", SignedOut{}),
		show("signed-out/return", SignedOut{Client: sampleClient(), ReturnURL: "https://notes.example.com/bye?state=af0ifjsldkj"}),
		show("signed-out/return-at-once", SignedOut{ReturnURL: "https://notes.example.com/bye", Auto: true}),
		show("signed-out/frames", SignedOut{
			Client: sampleClient(), ReturnURL: "https://notes.example.com/bye?state=af0ifjsldkj", Auto: true,
			Frames: []string{"https://notes.example.com/signed-out?iss=https%3A%2F%2Fidp.example.com&sid=06h0hamef9of18ts21693h2in8"},
		}),
		show("continue", Continue{URL: "https://notes.example.com/cb?code=SplxlOBeZQQYbYS6WxSbIA&state=a'\"b", Client: sampleClient()}),
		show("continue/native-application", Continue{URL: "com.example.notes:/cb?code=SplxlOBeZQQYbYS6WxSbIA&state=xyz", Client: sampleClient()}),
		show("continue/provider", Continue{URL: "https://accounts.google.com/o/oauth2/v2/auth?client_id=1", Name: "Google"}),
		show("form-post", FormPost{
			URL: "https://notes.example.com/cb", Client: sampleClient(),
			Fields: []Field{{"code", "SplxlOBeZQQYbYS6WxSbIA"}, {"state", `"><b>`}},
		}),
	}
}

func failureFixtures() []Fixture {
	uri := FailureOf(http.StatusBadRequest, idp.CodeRedirectURI)
	uri.RedirectURI, uri.Client, uri.TraceID = "http://notes.example.com/cb/?x=<script>alert(1)</script>", sampleClient(), sampleTrace
	client := FailureOf(http.StatusBadRequest, idp.CodeInvalidClient)
	client.ClientID, client.TraceID = "notes-old", sampleTrace
	internal := FailureOf(http.StatusInternalServerError, "internal")
	internal.TraceID = sampleTrace
	down := FailureOf(http.StatusServiceUnavailable, "unavailable")
	down.RetryURL, down.TraceID = "/oauth2/resume?i="+sampleI, sampleTrace
	request := FailureOf(http.StatusBadRequest, idp.CodeInvalidRequest)
	request.Detail, request.TraceID = "The parameter “response_type” is missing.", sampleTrace
	return []Fixture{
		show("error/redirect-uri", uri),
		in(language.German, show("error/redirect-uri", uri)),
		in(language.Arabic, show("error/redirect-uri", uri)),
		show("error/unknown-application", client),
		show("error/invalid-request", request),
		show("error/internal", internal),
		show("error/unavailable", down),
		show("error/not-found", FailureOf(http.StatusNotFound, "not_found")),
		show("error/expired", FailureOf(http.StatusGone, "interaction_expired")),
		show("error/no-cookies", FailureOf(http.StatusBadRequest, "cookies_missing")),
	}
}

func homeFixtures() []Fixture {
	setup := Setup{Form: Form{CSRF: sampleCSRF}, MinPassword: 12}
	wrong := setup
	wrong.Email, wrong.DisplayName = "ada@example", "Ada Lovelace"
	wrong.Problems = Problems{
		{"token", Say(MsgWrongToken)},
		{"email", Say(MsgInvalidEmail)},
		{"password", Message{ID: MsgPasswordTooShort, Data: map[string]any{"Min": 12}}},
	}
	return []Fixture{
		show("home", Home{Form: Form{CSRF: sampleCSRF}, Account: sampleAccount()}),
		show("home/signed-out", Home{}),
		show("setup", setup),
		show("setup/wrong", wrong),
		in(language.Spanish, show("setup", setup)),
	}
}
