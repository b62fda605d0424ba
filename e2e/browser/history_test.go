package browser_test

import (
	"testing"

	"idp/e2e/browser"
)

// What people do besides: press a button twice, go back, open an address again that has done its work.
func TestSignIn_TwiceAndAgain(t *testing.T) {
	sample, user, password := devServer(t)
	b := browser.New(t)
	b.Goto(sample)
	b.Follow("#sign-in")
	login := b.URL()
	b.Fill("#identifier", user)
	b.Fill("#password", password)
	browser.Eval[any](b, `(button => { button.click(); button.click(); })(document.querySelector("#submit-login")), null`)
	b.WaitVisible("#allow")
	consent := b.URL()
	b.Goto(login) // the button that leads back
	b.WaitVisible("#continue-account:focus")
	b.Click("#continue-account")
	b.WaitVisible("#allow")
	b.Click("#allow")
	b.WaitVisible("#id-token")
	b.Goto(consent)
	b.WaitVisible("#error-code")
	if got := b.Text("#error-code"); got != "interaction_expired" {
		t.Errorf("the page of an answer that was given: got %s, want interaction_expired", got)
	}
	b.Goto(sample)
	b.WaitVisible("#id-token")
}
