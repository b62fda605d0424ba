package pages

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"idp/internal/account"
	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/secret"
)

// showSetup is where the holder of the one-time token becomes the first administrator. It does not exist once there is one.
func (p *Pages) showSetup(w http.ResponseWriter, r *http.Request) error {
	v, err := p.setupVisit(w, r)
	if err != nil {
		return err
	}
	p.show(w, v, ui.Setup{Form: v.form, MinPassword: p.MinPassword}, http.StatusOK)
	return nil
}

func (p *Pages) setupVisit(w http.ResponseWriter, r *http.Request) (*visit, error) {
	needed, err := p.Accounts.NeedsBootstrap(r.Context())
	if err != nil {
		return nil, err
	}
	if !needed {
		return nil, failure(http.StatusNotFound, "setup_closed", "")
	}
	return p.visit(w, r, "")
}

// setup makes the first administrator. Signing in is the next page's: so the password manager sees it work once.
func (p *Pages) setup(w http.ResponseWriter, r *http.Request) error {
	v, err := p.setupVisit(w, r)
	if err != nil {
		return err
	}
	f := r.PostForm
	token := strings.TrimSpace(f.Get("token"))
	n := account.NewUser{Email: strings.TrimSpace(f.Get("email")), EmailVerified: true, Password: f.Get("password")}
	n.Profile.Name = strings.TrimSpace(f.Get("name"))
	view := ui.Setup{Form: v.form, MinPassword: p.MinPassword, Email: cut(n.Email), DisplayName: cut(n.Profile.Name)}
	if view.Problems = p.setupMissing(token, n); len(view.Problems) == 0 {
		_, err = p.Accounts.BootstrapAdmin(r.Context(), token, n)
		if err == nil {
			if p.SetupDone != nil {
				p.SetupDone(r.Context())
			}
			p.redirect(w, p.Issuer+"/login")
			return nil
		}
		if view.Problems = p.setupProblems(err, n); view.Problems == nil {
			return err
		}
	}
	if view.Problems.On("token") == nil {
		view.Token = cut(token) // right in form at least; typing 80 letters again teaches nobody anything
	}
	p.show(w, v, view, http.StatusOK)
	return nil
}

func (p *Pages) setupMissing(token string, n account.NewUser) (problems ui.Problems) {
	for _, f := range []struct{ field, value, message string }{
		{"token", token, ui.MsgWrongToken}, {"name", n.Profile.Name, ui.MsgMissingName}, {"email", n.Email, ui.MsgInvalidEmail},
	} {
		if f.value == "" {
			problems = append(problems, ui.Problem{Field: f.field, Message: ui.Say(f.message)})
		}
	}
	if n.Password == "" {
		problems = append(problems, ui.Problem{Field: "password", Message: ui.Say(ui.MsgMissingPassword)})
	}
	return problems
}

// setupProblems says beside which field an error belongs; nil for one that is not about the form.
func (p *Pages) setupProblems(err error, n account.NewUser) (problems ui.Problems) {
	for _, known := range idp.Faults(err) {
		switch {
		case known.Code == account.CodeTokenGone:
			problems = append(problems, ui.Problem{Field: "token", Message: ui.Say(ui.MsgWrongToken)})
		case known.Kind != idp.Invalid && known.Code != account.CodeAddressTaken:
		case known.Field == "password":
			problems = append(problems, ui.Problem{Field: "password", Message: p.passwordProblem(n)})
		case known.Field == "email":
			problems = append(problems, ui.Problem{Field: "email", Message: ui.Say(ui.MsgInvalidEmail)})
		default:
			problems = append(problems, ui.Problem{Field: "name", Message: ui.Say(ui.MsgMissingName)})
		}
	}
	return problems
}

// passwordProblem says why a new password is refused.
func (p *Pages) passwordProblem(n account.NewUser) ui.Message {
	switch length := utf8.RuneCountInString(n.Password); {
	case length < p.MinPassword:
		return ui.Message{ID: ui.MsgPasswordTooShort, Data: map[string]any{"Min": p.MinPassword}}
	case length > secret.MaxPasswordRunes:
		return ui.Message{ID: ui.MsgPasswordTooLong, Data: map[string]any{"Max": secret.MaxPasswordRunes}}
	case p.Accounts.Policy.Check(n.Password, n.Email, n.Username, n.Profile.Name, p.Accounts.Brand) == nil: // so it was the list
		return ui.Say(ui.MsgPasswordKnown)
	}
	return ui.Say(ui.MsgPasswordGuessable)
}

func cut(s string) string {
	if len(s) > maxField {
		return ""
	}
	return s
}
