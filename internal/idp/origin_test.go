package idp

import (
	"net/url"
	"testing"
)

func TestWithQuery_TouchesNothingElse(t *testing.T) { // RP-2, RP-Initiated Logout 1.0 §3
	t.Parallel()
	for _, c := range []struct {
		uri  string
		add  url.Values
		want string
	}{
		{"https://a.example/out", nil, "https://a.example/out"},
		{"https://a.example/out", url.Values{"state": {"a&b=ü"}}, "https://a.example/out?state=a%26b%3D%C3%BC"},
		{"https://a.example/out?x=%7e", url.Values{"state": {"s"}}, "https://a.example/out?x=%7e&state=s"},
		{"com.example.app:/out", url.Values{"state": {"s"}}, "com.example.app:/out?state=s"},
	} {
		if got := WithQuery(c.uri, c.add); got != c.want {
			t.Errorf("%s with %v: %s, want %s", c.uri, c.add, got, c.want)
		}
	}
}

func TestOriginOf_IsWhatABrowserWrites(t *testing.T) { // RFC 6454 §6.2
	t.Parallel()
	for uri, want := range map[string]string{
		"https://app.example/cb?x#y": "https://app.example", "https://App.Example:443/": "https://app.example", "https://app.example:8443/": "https://app.example:8443",
		"http://localhost:80/cb": "http://localhost", "http://[::1]:7000/cb": "http://[::1]:7000", "com.example.app:/cb": "", "::": "",
	} {
		if got := OriginOf(uri); got != want {
			t.Errorf("%s: got %q, want %q", uri, got, want)
		}
	}
}

func TestLogoutFrame_AddsExactlyIssAndSid(t *testing.T) { // Front-Channel Logout 1.0 §2
	t.Parallel()
	c := &Client{ClientLogout: ClientLogout{FrontchannelLogoutURI: "https://app.example/bye?x=1"}}
	if got, want := c.LogoutFrame("https://idp.example", "s1"), "https://app.example/bye?x=1&iss=https%3A%2F%2Fidp.example&sid=s1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
