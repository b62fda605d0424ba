package protocol

// RFC 8252, OAuth 2.0 for native apps; fosite D20.

import (
	"testing"

	"idp/e2e/server"
)

func TestNative_LoopbackPortsAreFree(t *testing.T) { // RFC 8252 §7.3
	t.Parallel()
	s := shared(t)
	for _, redirect := range []string{
		"http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:51004/cb", "http://127.0.0.1:65535/cb", "http://[::1]:8123/cb", "http://[::1]/cb",
		"http://localhost:7171/cb", "com.example.app:/cb",
	} {
		t.Run(redirect, func(t *testing.T) {
			t.Parallel()
			c := server.Native()
			c.Redirect = redirect
			g := s.browser(t).az(c).login(s.user(t)).wantCode()
			s.exchange(t, g).tokens()
		})
	}
}

func TestNative_NothingButThePortIsFree(t *testing.T) { // RFC 8252 §7.3, §8.3, §8.10; fosite D20
	t.Parallel()
	s := shared(t)
	for _, redirect := range []string{
		"http://127.0.0.1:51004/other", "http://127.0.0.1:51004/cb/", "http://127.0.0.1:51004/cb?x=1", "https://127.0.0.1:51004/cb", "http://127.0.0.2:51004/cb",
		"http://localhost:51004/cb", "http://localhost/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1:65536/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:x/cb",
		"http://user@127.0.0.1:51004/cb", "http://127.0.0.1.evil.example:51004/cb", "http://127.0.0.1:51004@evil.example/cb", "http://[::1%25lo]:1/cb",
		"http://[0:0:0:0:0:0:0:1]:8123/cb", "http://127.1:51004/cb", "http://2130706433:51004/cb", "http://0x7f.0.0.1:51004/cb",
		"com.example.app:/cb/", "com.example.app://cb", "com.example.other:/cb", "COM.EXAMPLE.APP:/cb",
	} {
		t.Run(redirect, func(t *testing.T) {
			t.Parallel()
			s.browser(t).az(server.Native(), "redirect_uri", redirect).wantPage400()
		})
	}
}

func TestNative_CodeIsBoundToThePort(t *testing.T) { // RFC 6749 §4.1.3: the same redirect_uri, port and all
	t.Parallel()
	s := shared(t)
	g := s.browser(t).az(server.Native()).login(s.user(t)).wantCode()
	s.exchange(t, g, "redirect_uri", "http://127.0.0.1:51005/cb").wantError(400, "invalid_grant")
}
