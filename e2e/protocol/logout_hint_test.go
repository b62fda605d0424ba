package protocol

// OpenID Connect RP-Initiated Logout 1.0 §2: whom a logout request means, and what it may ask for besides.

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/server"
	"idp/e2e/walk"
)

// htmlLang returns the language that a page says it is in.
func (p *page) htmlLang() string {
	p.t.Helper()
	for _, n := range p.all("html") {
		return walk.Attribute(n, "lang")
	}
	return ""
}

// A hint that names who is signed in changes nothing; one that names somebody else is never acted upon without a question.
func TestLogout_HintNamesThePerson(t *testing.T) { // §2
	t.Parallel()
	s := shared(t)
	back := []string{"post_logout_redirect_uri", server.Trusted().Logout, "state", "x"}
	for name, test := range map[string]struct {
		hint func(in signedIn) string
		asks bool
	}{
		"address":                {func(in signedIn) string { return in.u.Email }, false},
		"address, other case":    {func(in signedIn) string { return " " + strings.ToUpper(in.u.Email) }, false},
		"username":               {func(in signedIn) string { return in.u.Username }, false},
		"sub":                    {func(in signedIn) string { return s.verify(t, in.id).claims["sub"].(string) }, false},
		"somebody else":          {func(signedIn) string { return s.user(t).Email }, true},
		"nobody":                 {func(signedIn) string { return "nobody@example.test" }, true},
		"no name at all":         {func(signedIn) string { return "<script>alert(1)</script>" }, true},
		"longer than any name":   {func(in signedIn) string { return in.u.Email + strings.Repeat(" ", 600) }, true},
		"bytes that are no text": {func(signedIn) string { return "\xff\x00" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := s.signIn(t, server.Trusted())
			hint := test.hint(in)
			p := in.b.logout(append([]string{"id_token_hint", in.id, "logout_hint", hint}, back...)...)
			if !test.asks {
				if p.leave != server.Trusted().Logout+"?state=x" {
					t.Fatalf("got %s, want the redirect", p.describe())
				}
				in.wantOut(t)
				return
			}
			if name == "bytes that are no text" && p.is("error-code") { // such a request cannot be read at all
				in.wantIn(t)
				return
			}
			if !p.is("confirm-logout") || !p.is("notice") || p.text("account-email") != in.u.Email && p.text("account-name") != in.u.Email {
				t.Fatalf("got %s, want the question, with a word about who was meant and who is signed in", p.describe())
			}
			if strings.Contains(string(p.body), hint) {
				t.Error("the page shows the words of the request as if they were its own")
			}
			in.wantIn(t)
			if p = p.submit("confirm-logout"); p.leave != server.Trusted().Logout+"?state=x" {
				t.Errorf("after yes: got %s, want the redirect", p.describe())
			}
			in.wantOut(t)
		})
	}
}

func TestLogout_HintAloneAsks(t *testing.T) { // §2: anybody can know an address; without an ID token the person is asked
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	p := in.b.logout("logout_hint", in.u.Email, "client_id", "trusted", "post_logout_redirect_uri", server.Trusted().Logout)
	if !p.is("confirm-logout") || p.is("notice") {
		t.Fatalf("got %s, want the plain question", p.describe())
	}
	p = in.b.logout("logout_hint", s.user(t).Email)
	if !p.is("confirm-logout") || !p.is("notice") {
		t.Fatalf("somebody else: got %s, want the question that says so", p.describe())
	}
	p.submit("cancel")
	in.wantIn(t)
	// With nobody signed in a hint tells nobody whether it is somebody's.
	known, unknown := s.browser(t).logout("logout_hint", in.u.Email), s.browser(t).logout("logout_hint", "nobody@example.test")
	if known.status != unknown.status || string(known.body) != string(unknown.body) {
		t.Errorf("a hint of somebody and one of nobody are answered differently: %s, %s", known.describe(), unknown.describe())
	}
}

// An application that must not know people's addresses cannot find them out by trying: a wrong guess would show a page, a right one would not.
func TestLogout_HintTellsAPairwiseClientNothing(t *testing.T) { // OIDC Core §8.1
	t.Parallel()
	s := shared(t)
	c := server.Pairwise()[0]
	in := s.signIn(t, c)
	if p := in.b.logout("id_token_hint", in.id, "logout_hint", in.u.Email); !p.is("confirm-logout") {
		t.Errorf("with the address: got %s, want the question as for any other", p.describe())
	}
	in.b.az(c, "prompt", "none").wantCode()
	sub, _ := s.verify(t, in.id).claims["sub"].(string)
	if p := in.b.logout("id_token_hint", in.id, "logout_hint", sub, "post_logout_redirect_uri", c.Logout); p.leave != c.Logout {
		t.Errorf("with its own name for the person: got %s, want the redirect", p.describe())
	}
}

// The ID token of a session that is over is good for the way back, but ends no other session of the same person without a question.
func TestLogout_HintOfAnotherSessionAsks(t *testing.T) { // §2: "does not belong to the current OP session"
	t.Parallel()
	s := shared(t)
	app := s.receiver(t, "hint-session", "--frontchannel-logout-uri", "AT/fc") // its ID tokens name the session
	here := s.signIn(t, app.Client)
	there := s.signInAs(t, here.u, app.Client)
	p := here.b.logout("id_token_hint", there.id, "post_logout_redirect_uri", app.Logout)
	if !p.is("confirm-logout") {
		t.Fatalf("got %s, want the question", p.describe())
	}
	here.wantIn(t)
	there.wantIn(t)
	sid, _ := s.verify(t, here.id).claims["sid"].(string)
	if p = here.b.logoutPage("id_token_hint", here.id, "logout_hint", sid); len(p.frames()) != 1 {
		t.Errorf("with the session's own name as hint: got %s, want it ended at once", p.describe())
	}
	here.wantOut(t)
	there.wantIn(t)
}

func TestLogout_PagesSpeakTheLanguageThatWasAsked(t *testing.T) { // §2: ui_locales
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	p := in.b.logout("ui_locales", "xx fr")
	if !p.is("confirm-logout") || p.htmlLang() != "fr" {
		t.Fatalf("got %s in %q, want the question in French", p.describe(), p.htmlLang())
	}
	if p = p.submit("confirm-logout"); !p.is("sign-in-link") || p.htmlLang() != "fr" {
		t.Errorf("after yes: got %s in %q, want it in French", p.describe(), p.htmlLang())
	}
	for name, pairs := range map[string][]string{"signed out already": {"ui_locales", "de"}, "wrong address": {"ui_locales", "de", "client_id", "trusted", "post_logout_redirect_uri", "https://trusted.example/no"}} {
		if p := s.browser(t).logout(pairs...); p.htmlLang() != "de" {
			t.Errorf("%s: got %s in %q, want German", name, p.describe(), p.htmlLang())
		}
	}
	in = s.signIn(t, server.Trusted())
	if p = in.b.logout("id_token_hint", in.id, "ui_locales", "de"); !p.is("sign-in-link") || p.htmlLang() != "de" {
		t.Errorf("with a hint and no address: got %s in %q, want the last page in German", p.describe(), p.htmlLang())
	}
	// A wish that is no list of languages is none.
	for _, odd := range []string{strings.Repeat("de-", 300), "\r\nSet-Cookie: a=b", "../../etc"} {
		if p := s.browser(t).logout("ui_locales", odd); p.status != 200 || p.htmlLang() != "en" {
			t.Errorf("ui_locales=%.20q: got %s in %q, want the page in English", odd, p.describe(), p.htmlLang())
		}
	}
}

// An ID token that was encrypted to the application comes back decrypted, or encrypted anew to a key of this server.
func TestLogout_TakesEncryptedHints(t *testing.T) { // §2; OIDC Core §3.1.2.1
	t.Parallel()
	s := start(t)
	s.Run(t, "client", "update", "formats", "--force", "--request-encryption", "ECDH-ES") // somebody encrypts to us, so there is a key
	var key jose.JSONWebKey
	eventually(t, 10*time.Second, "a key to encrypt with", func() bool {
		for _, one := range s.jwks(t) {
			text, err := json.Marshal(one)
			if err == nil && one["use"] == "enc" && key.UnmarshalJSON(text) == nil {
				return true
			}
		}
		return false
	})
	sealBy := func(how jose.CompressionAlgorithm, signed string) string {
		t.Helper()
		options := (&jose.EncrypterOptions{Compression: how}).WithContentType("JWT")
		e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key, KeyID: key.KeyID}, options)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := e.Encrypt([]byte(signed))
		if err != nil {
			t.Fatal(err)
		}
		text, err := sealed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	seal := func(signed string) string { return sealBy(jose.NONE, signed) }
	in := s.signIn(t, server.Sealed())
	_, signed := unseal(t, in.id, "A256GCM")
	other := s.signIn(t, server.Trusted())
	for name, bad := range map[string][]string{
		"still encrypted to the application":     {"id_token_hint", in.id},
		"an access token inside":                 {"id_token_hint", seal(in.access)},
		"nothing inside":                         {"id_token_hint", seal("")},
		"encrypted twice":                        {"id_token_hint", seal(seal(signed))},
		"compressed":                             {"id_token_hint", sealBy(jose.DEFLATE, signed)}, // RFC 8725 §3.6
		"of another client than the one it says": {"id_token_hint", seal(other.id), "client_id", "sealed"},
	} {
		if p := in.b.logout(bad...); !p.is("error-code") {
			t.Errorf("%s: got %s, want an error page", name, p.describe())
		}
	}
	in.wantIn(t)
	if p := in.b.logout("id_token_hint", seal(signed), "client_id", "sealed"); !p.is("sign-in-link") {
		t.Errorf("encrypted to us: got %s, want the session ended", p.describe())
	}
	in.wantOut(t)
	in = s.signIn(t, server.Sealed())
	_, signed = unseal(t, in.id, "A256GCM")
	if p := in.b.logout("id_token_hint", signed); !p.is("sign-in-link") {
		t.Errorf("decrypted: got %s, want the session ended", p.describe())
	}
	in.wantOut(t)
}
