package idp

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// hostileURIs are the strings of SEC-1: what some parser somewhere took for a harmless address.
func hostileURIs() []string {
	return []string{
		"", " ", "/", "//evil.example", "///evil.example", `/\evil.example`, `\\\evil.example`, "%5C%5C%5Cevil.example", "%20//evil.example",
		"%19////evil.example", "ht\ttps://evil.example", "https\n://evil.example", "https:\t//evil.example", "https://evil\r.example", "\x00https://evil.example",
		"https:evil.example", "https:///evil.example", "https:/evil.example", `https://good.example\.evil.example`, `https://evil.example\\.good.example`,
		"https://good.example@evil.example", "https://user:pass@good.example/callback", "https://@good.example/callback",
		"javascript:alert(1)", "JavaScript:alert(1)", "javascript://good.example/%0aalert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd", "blob:https://good.example/1", "about:blank",
		"https://evil\u3002example", "https://evil\uff0eexample", "https://evil\uff0fgood.example", "https://\uff45vil.example",
		"https://good.example/callback/..", "https://good.example/a/../callback", "https://good.example/%2e%2E/callback", "https://good.example/./callback",
		"https://good.example/callback#f", "https://good.example/callback#", "https://good.example/callback ", " https://good.example/callback",
		"https://*.good.example/callback", "https://good.example/*", "https://GOOD.example/callback", "HTTPS://good.example/callback",
		"https://good.example:/callback", "https://good.example:0/callback", "https://good.example:65536/callback", "https://good.example:+443/callback", "https://good.example:443:1/callback", "https://:443/callback",
		"https://good..example/callback", "https://good.example./callback", "https://-good.example/callback", "https://good_example/callback", "https://good%2eexample/callback", "https://good.example%2f.evil.example/",
		"https://0x7f.1/callback", "https://2130706433/callback", "https://127.1/callback", "https://[::1/callback", "https://[::1]evil/callback", "https://[::ffff:127.0.0.1%25eth0]/", "https://[0:0:0:0:0:0:0:1]/callback",
		"http://good.example/callback", "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "http://127.0.0.1@evil.example/", "http://[::1].evil.example/",
		"https://good.example/call%zz", "https://good.example/call%2", "https://good.example/<x>", `https://good.example/"`, "https://good.example/{x}", "https://good.example/|", "https://good.example/^`",
		"app:/callback", "myapp://callback", "com.example.app:", "com.example.app://", "com.example.app://user@callback", "callback", "good.example/callback", "1com.example:/x",
		"https://good.example/" + strings.Repeat("a", maxURI),
	}
}

func TestCheckRedirectURI_HostileIsRefused(t *testing.T) { // SEC-1
	t.Parallel()
	for _, uri := range hostileURIs() {
		why := redirectURIFault(uri)
		if why == "" {
			t.Errorf("redirectURIFault(%q): got none, want why it is refused", uri)
		}
		if len(why) > 400 || strings.ContainsFunc(why, func(r rune) bool { return r < ' ' }) {
			t.Errorf("redirectURIFault(%q): the reason is long or holds control characters: %q", uri, why)
		}
	}
	c := &Client{ID: "web", RedirectURIs: []string{"javascript:alert(1)"}}
	var e *Error
	if err := c.Validate(); !errors.As(err, &e) || !strings.Contains(err.Error(), "javascript:alert(1)") {
		t.Errorf("got %v, want an *Error that shows the URI", err)
	}
}

// What newcomers type first is no scheme that they chose.
func TestCheckRedirectURI_SaysThatTheSchemeIsMissing(t *testing.T) {
	t.Parallel()
	if why := redirectURIFault("localhost:3000/callback"); !strings.Contains(why, "Write http:// before it") {
		t.Errorf("got %q, want what is missing", why)
	}
}

func TestCheckRedirectURI_Accepts(t *testing.T) { // RP-2
	t.Parallel()
	for _, uri := range []string{
		"https://app.example/callback", "https://app.example", "https://app.example/", "https://app.example:8443/callback",
		"https://app.example/login/oauthresponse/idp?next=%2F", // Flask-Security 5.1
		"https://xn--bcher-kva.example/callback", "https://192.0.2.1/callback", "https://[2001:db8::1]:8443/cb", "https://good.example.evil.example/",
		"http://localhost:3000/callback", "http://127.0.0.1/callback", "http://127.0.0.1:49152/", "http://[::1]:8080/callback", "http://localhost",
		"com.example.app:/oauth2redirect", "com.example.app://callback", "com.example.app:callback", "https://app.example/a..b/...",
		"https://app.example/~user/cb;x=1?a=b&c=@d:e/f?", "https://app.example//callback",
	} {
		if why := redirectURIFault(uri); why != "" {
			t.Errorf("redirectURIFault(%q): got %q, want none", uri, why)
		}
	}
}

func TestMatchRedirectURI_TakesTheSameBytesAndLoopbackPortsAlone(t *testing.T) { // RP-2, SEC-1, RFC 8252 §7.3
	t.Parallel()
	registered := []string{
		"https://good.example/callback", "https://good.example/cb?next=%2F", "http://127.0.0.1/native", "http://[::1]:4000/native",
		"http://localhost:3000/callback", "com.example.app:/callback",
	}
	for _, uri := range registered {
		if !MatchRedirectURI(registered, uri) {
			t.Errorf("MatchRedirectURI(%q): got false, want true: it is registered", uri)
		}
	}
	for _, uri := range []string{"http://127.0.0.1:1/native", "http://127.0.0.1:65535/native", "http://[::1]/native", "http://[::1]:51004/native"} {
		if !MatchRedirectURI(registered, uri) {
			t.Errorf("MatchRedirectURI(%q): got false, want true: only the loopback port differs", uri)
		}
	}
	refused := append(hostileURIs(),
		"https://good.example/callback/", "https://good.example/callback?x", "https://good.example/callback?", "https://good.example/Callback",
		"https://good.example:443/callback", "https://good.example:8443/callback", "https://good.example.evil.example/callback", "https://u@good.example/callback",
		"http://good.example/callback", "https://good.example/cb", "https://good.example/cb?next=/", "https://good.example/cb?next=%2F&x=1", "https://good.example/%63allback",
		"https://127.0.0.1/native", "http://127.0.0.1:0/native", "http://127.0.0.1:/native", "http://127.0.0.1:080/native", "http://127.0.0.1:65536/native", "http://127.0.0.1:1:2/native",
		"http://127.0.0.1:1@evil.example/native", "http://127.0.0.1:1/native?x", "http://127.0.0.1:1/native/", "http://127.0.0.1.evil.example/native", "http://127.0.0.2/native",
		"http://127.0.0.1#/native", `http://127.0.0.1\@evil.example/native`, "http://127.0.0.1:%31/native", "http://[::1]:1evil.example/native", "http://localhost/native",
		"http://localhost:3001/callback", "com.example.app:/Callback", "com.example.app:/callback/x",
	)
	for _, uri := range refused {
		if MatchRedirectURI(registered, uri) {
			t.Errorf("MatchRedirectURI(%q): got true, want false", uri)
		}
	}
	if MatchRedirectURI(nil, "") || MatchRedirectURI([]string{""}, "") {
		t.Error("MatchRedirectURI of an empty URI: got true, want false")
	}
}

// FuzzMatchRedirectURI: whatever matches and may be registered leads a standard parser to the host, path and query that were
// registered, and nowhere else.
func FuzzMatchRedirectURI(f *testing.F) {
	for _, uri := range append(hostileURIs(), "https://good.example/callback", "http://127.0.0.1:8080/native", "com.example.app:/callback") {
		f.Add("https://good.example/callback", uri)
		f.Add("http://127.0.0.1/native", uri)
		f.Add(uri, uri)
	}
	f.Fuzz(func(t *testing.T, registered, got string) {
		if redirectURIFault(registered) != "" {
			return // it cannot be in the database
		}
		if !MatchRedirectURI([]string{registered}, registered) {
			t.Fatalf("%q may be registered but does not match itself", registered)
		}
		if !MatchRedirectURI([]string{registered}, got) {
			return
		}
		if why := redirectURIFault(got); why != "" {
			t.Fatalf("%q matches %q, but could not be registered: it %s", got, registered, why)
		}
		a, errA := url.Parse(registered)
		b, errB := url.Parse(got)
		if errA != nil || errB != nil {
			t.Fatalf("%q matches %q, but is not parsed: %v, %v", got, registered, errA, errB)
		}
		same := a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && a.EscapedPath() == b.EscapedPath() && a.RawQuery == b.RawQuery &&
			b.User == nil && b.Fragment == "" && a.Opaque == b.Opaque
		if !same {
			t.Fatalf("%q matches %q, but leads elsewhere", got, registered)
		}
		if a.Port() != b.Port() && (a.Scheme != "http" || !slices.Contains([]string{"127.0.0.1", "::1"}, b.Hostname())) {
			t.Fatalf("%q matches %q with another port", got, registered)
		}
	})
}
