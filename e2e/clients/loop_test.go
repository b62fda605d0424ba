package clients

import (
	"net/http"
	"net/url"
	"testing"
)

// forgetful is a cookie jar that keeps nothing for one host: what an application's browser does whose cookies do not stick.
type forgetful struct {
	http.CookieJar
	host string
}

// SetCookies drops the host's cookies.
func (j forgetful) SetCookies(u *url.URL, cookies []*http.Cookie) {
	if u.Host != j.host {
		j.CookieJar.SetCookies(u, cookies)
	}
}

// Flask-Dance answers a state that it does not know with another sign-in, and so does every round after it.
func TestLoop_ApplicationThatLosesItsCookiesIsStopped(t *testing.T) { // FD-3
	t.Parallel()
	a := suite.site.app(t, "flask-dance-plain")
	p, u := visitor(t), someone(t)
	wantUser(t, a, p.signIn(a, u), u)
	p.HTTP.Jar = forgetful{p.HTTP.Jar, parse(t, a.home).Host}

	g, rounds := p.send(http.MethodGet, a.home+"/login/idp", nil), 0
	for ; rounds < 15; g = p.send(http.MethodGet, g.Target(), nil) {
		to := g.Target()
		if to == "" {
			break
		}
		next, err := g.URL.Parse(to)
		if err != nil {
			t.Fatalf("%s sends the browser to %q: %v", g.URL, to, err)
		}
		if next.Path == "/oauth2/authorize" {
			rounds++
		}
		g.Header.Set("Location", next.String())
	}
	if rounds > 10 || !g.Is("loop-count") {
		t.Errorf("after %d rounds: %s, want the page about the loop within ten", rounds, g.Describe())
	}
}
