package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"idp/e2e/browser"
	"idp/e2e/server"
)

// A person signs in and allows, and the answer is posted to the application at another origin, which sends the browser on to a third: by the script, or by
// the button where none runs (OAuth 2.0 Form Post Response Mode §2). Content-Security-Policy stops none of it.
func TestFormPost_ReachesTheApplication(t *testing.T) {
	t.Parallel()
	s := server.Start(t, server.FromNothing())
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<p id="home">signed in`)
	}))
	t.Cleanup(elsewhere.Close)
	answers := make(chan url.Values, 4)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ParseForm() != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" || r.Header.Get("Referer") != "" {
			t.Errorf("the application got %s %s from %q", r.Method, r.URL, r.Header.Get("Referer"))
		}
		answers <- r.PostForm
		http.Redirect(w, r, elsewhere.URL, http.StatusSeeOther)
	}))
	t.Cleanup(app.Close)
	first := browser.New(t)
	for n, c := range []struct {
		name    string
		options []browser.Option
	}{{"with scripts", nil}, {"without scripts", []browser.Option{browser.NoScript()}}} {
		t.Run(c.name, func(t *testing.T) {
			tab, person := first.Tab(t, c.options...), server.Crowd(n+1)
			state := `st"><script>alert(1)</script>`
			tab.Goto(s.Issuer + "/oauth2/authorize?" + url.Values{
				"client_id": {server.Front().ID}, "redirect_uri": {app.URL + "/cb"}, "scope": {"openid"}, "response_type": {"code id_token"},
				"response_mode": {"form_post"}, "state": {state}, "nonce": {"n"},
			}.Encode())
			tab.Fill("#identifier", person.Email)
			tab.Fill("#password", person.Password)
			tab.Click("#submit-login")
			tab.WaitVisible("#allow")
			tab.Click("#allow")
			if c.options != nil {
				tab.WaitVisible("#submit-response")
				tab.Click("#submit-response")
			}
			tab.WaitVisible("#home")
			got := <-answers
			if got.Get("code") == "" || got.Get("id_token") == "" || got.Get("state") != state || got.Get("iss") != s.Issuer {
				t.Errorf("posted %v, want the whole answer", got)
			}
			if heard := tab.Console(); len(heard) != 0 {
				t.Errorf("the console says %q", heard)
			}
		})
	}
}
