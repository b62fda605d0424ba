package browser_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"idp/e2e/browser"
	"idp/e2e/server"
)

// devServer runs `idp serve --dev`, as the README says, and returns the address of its sample application, read from what it prints.
func devServer(t *testing.T, settings ...string) (sample, user, password string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), server.Binary(t), "serve", "--dev", "--listen", "localhost:0", "--ops-listen", "", "--data-dir", t.TempDir())
	cmd.Stderr, cmd.Env = io.Discard, append(os.Environ(), settings...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	found := make(chan []string, 1)
	go func() {
		var values []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			for _, label := range []string{"Sample application", "Sign in as", "Password"} {
				if rest, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), label); ok {
					value, _, _ := strings.Cut(strings.TrimSpace(rest), "  ")
					values = append(values, value)
				}
			}
			if len(values) == 3 {
				found <- values
			}
		}
	}()
	select {
	case v := <-found:
		return v[0], v[1], v[2]
	case <-time.After(20 * time.Second):
		t.Fatal("idp serve --dev did not print its addresses within 20 s")
	}
	return "", "", ""
}

// The README's first command, as a newcomer uses it: press the button, sign in, allow, look at the claims, refresh, sign out.
func TestSignIn_SampleApplicationIsWalkedThrough(t *testing.T) {
	sample, user, password := devServer(t)
	for i, c := range []struct {
		name    string
		options []browser.Option
	}{{"with scripts", nil}, {"without scripts", []browser.Option{browser.NoScript()}}} {
		t.Run(c.name, func(t *testing.T) {
			b := browser.New(t, c.options...)
			b.Goto(sample)
			b.Follow("#sign-in")
			b.Fill("#identifier", user)
			b.Fill("#password", "not the password")
			b.Click("#submit-login")
			b.WaitVisible("#error-summary")
			b.Fill("#password", password)
			b.Click("#submit-login")
			if i == 0 { // the second browser finds the consent of the first
				b.WaitVisible("#allow")
				if got := b.Text("#client-name"); got != "Sample application" {
					t.Errorf("consent page names %q, want the sample application", got)
				}
				b.Click("#allow")
			}
			b.WaitVisible("#id-token")
			for _, claim := range []string{`"email": "demo@example.com"`, `"preferred_username": "demo"`, `"nonce":`, `"auth_time":`} {
				if !strings.Contains(b.Text("#id-token"), claim) {
					t.Errorf("ID token lacks %s: %s", claim, b.Text("#id-token"))
				}
			}
			if !strings.Contains(b.Text("#userinfo"), `"birthdate": "1990-04-01"`) {
				t.Errorf("UserInfo lacks the birthdate: %s", b.Text("#userinfo"))
			}
			b.Click("#refresh")
			b.WaitVisible("#refreshed")
			b.Click("#sign-out")
			b.WaitVisible("#sign-in")
			// The session at the provider is gone too: signing in asks again.
			b.Follow("#sign-in")
			b.WaitVisible("#password")
		})
	}
}

// Where people may register: from the sign-in page to an account, to the application, and back in another browser with the new password.
func TestRegister_SampleApplicationIsReachedByANewAccount(t *testing.T) {
	sample, _, _ := devServer(t, "IDP_REGISTRATION=open")
	for name, options := range map[string][]browser.Option{"with-scripts": nil, "without-scripts": {browser.NoScript(), browser.Size(320, 640)}} {
		t.Run(name, func(t *testing.T) {
			email, password := name+"@example.com", "violet kettle marches north"
			b := browser.New(t, options...)
			b.Goto(sample)
			b.Follow("#sign-in")
			b.Follow("#create-account")
			b.WaitVisible("#email:focus")
			b.Fill("#email", "Demo@Example.com")
			b.Fill("#password", password)
			b.Fill("#password_again", password)
			b.Click("#submit-register")
			b.WaitVisible("#email-error")
			if options == nil { // axe is a script itself
				for _, v := range b.Axe() {
					t.Errorf("%s: %s\n\t%s", v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
				}
			}
			b.Fill("#email", email)
			b.Fill("#password", password)
			b.Fill("#password_again", password)
			b.Click("#submit-register")
			b.WaitVisible("#allow")
			b.Click("#allow")
			b.WaitVisible("#id-token")
			if claims := b.Text("#id-token"); strings.Contains(claims, email) {
				t.Errorf("the application hears of an address that nobody has confirmed: %s", claims)
			}
			again := browser.New(t, options...)
			again.Goto(sample)
			again.Follow("#sign-in")
			again.Fill("#identifier", email)
			again.Fill("#password", password)
			again.Click("#submit-login")
			again.WaitVisible("#id-token")
		})
	}
}
