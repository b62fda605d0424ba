package protocol

// OpenID Connect Front-Channel Logout 1.0; protocol.md §3.6.

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"idp/e2e/server"
	"idp/e2e/walk"
)

// logoutPage asks to sign out and returns the answer itself: a redirect, or the page with the frames.
func (b *browser) logoutPage(pairs ...string) *page {
	b.t.Helper()
	return b.get(b.site.endpoint(b.t, "end_session_endpoint") + "?" + with(url.Values{}, pairs...).Encode())
}

// frames returns the addresses of the page's frames.
func (p *page) frames() []string {
	var list []string
	for _, frame := range p.all("iframe") {
		list = append(list, walk.Attribute(frame, "src"))
	}
	return list
}

func TestFrontchannel_PageHasAFrameForEachApplication(t *testing.T) { // §2, §3, protocol.md §3.6
	t.Parallel()
	s := shared(t)
	first, second := s.receiver(t, "fc-first", "--frontchannel-logout-uri", "AT/fc"), s.receiver(t, "fc-second", "--frontchannel-logout-uri", "AT/fc?keep=1")
	deaf := s.receiver(t, "fc-deaf")
	in := s.signIn(t, first.Client)
	in.b.tokens(in.u, second.Client)
	in.b.tokens(in.u, deaf.Client)
	p := in.b.logoutPage("id_token_hint", in.id, "post_logout_redirect_uri", first.Logout, "state", "a&b")
	if p.status != http.StatusOK || p.doc == nil {
		t.Fatalf("got %s, want a page", p.describe())
	}
	sid := s.verify(t, in.id).claims["sid"].(string)
	frames := p.frames()
	if len(frames) != 2 {
		t.Fatalf("got the frames %v, want one for each application that registered one", frames)
	}
	for i, app := range []*receiver{first, second} {
		at := frames[i]
		u, err := url.Parse(at)
		if err != nil || !strings.HasPrefix(at, app.at+"/fc?") {
			t.Fatalf("frame %s, want the registered address of %s", at, app.ID)
		}
		query := u.Query()
		if app == second && query.Get("keep") != "1" {
			t.Errorf("frame %s: the registered query is lost", at)
		}
		query.Del("keep")
		if len(query) != 2 || query.Get("iss") != s.Issuer || query.Get("sid") != sid {
			t.Errorf("frame %s, want exactly iss %s and sid %s", at, s.Issuer, sid)
		}
	}
	// The policy lets just these origins in.
	policy := p.header.Get("Content-Security-Policy")
	_, sources, _ := strings.Cut(policy, "frame-src ")
	sources, _, _ = strings.Cut(sources, ";")
	got := strings.Fields(sources)
	slices.Sort(got)
	want := []string{first.at, second.at}
	slices.Sort(want)
	if !slices.Equal(got, want) || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %q, want frame-src %v and everything else as on every page", policy, want)
	}
	// It goes on by itself, without scripts, and has something to press.
	if to := p.target(); to != first.Logout+"?state=a%26b" {
		t.Errorf("the page goes on to %s, want the registered address and the state", to)
	}
	if link := p.element("return-link"); link == nil || walk.Attribute(link, "href") != first.Logout+"?state=a%26b" {
		t.Error("the page has no link to go on by")
	}
	in.wantOut(t)
}

func TestFrontchannel_FramesComeAfterTheQuestion(t *testing.T) { // the person signs out on our page
	t.Parallel()
	s := shared(t)
	app := s.receiver(t, "fc-asks", "--frontchannel-logout-uri", "AT/fc")
	in := s.signIn(t, app.Client)
	p := in.b.logout().submit("confirm-logout")
	if frames := p.frames(); len(frames) != 1 || !strings.HasPrefix(frames[0], app.at+"/fc?") || p.target() != "" {
		t.Errorf("got the frames %v, want the application's, and a page that stays", frames)
	}
	// Loading the page again, or signing out once more, shows no frame: there is no session to tell of.
	if p := in.b.logout(); len(p.frames()) != 0 {
		t.Errorf("signed out already: got the frames %v", p.frames())
	}
}

func TestFrontchannel_WithoutFramesThereIsNoPage(t *testing.T) {
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	if p := in.b.logoutPage("id_token_hint", in.id, "post_logout_redirect_uri", server.Trusted().Logout); p.status != http.StatusSeeOther {
		t.Errorf("got %s, want the redirect at once", p.describe())
	}
}

func TestFrontchannel_ApplicationMayHaveBothChannels(t *testing.T) {
	t.Parallel()
	s := shared(t)
	app := s.receiver(t, "fc-both", "--frontchannel-logout-uri", "AT/fc", "--backchannel-logout-uri", "AT/bc")
	in := s.signIn(t, app.Client)
	p := in.b.logoutPage("id_token_hint", in.id)
	if len(p.frames()) != 1 {
		t.Errorf("got the frames %v, want one", p.frames())
	}
	app.wantToken(t, 1, 0)
}

func TestFrontchannel_DiscoverySaysSo(t *testing.T) { // §3
	t.Parallel()
	s := shared(t)
	for _, member := range []string{"frontchannel_logout_supported", "frontchannel_logout_session_supported"} {
		if s.meta[member] != true {
			t.Errorf("discovery: %s is %v, want true", member, s.meta[member])
		}
	}
}
