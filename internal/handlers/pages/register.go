package pages

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"idp/internal/account"
	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/logctx"
	"idp/internal/session"
)

// showRegister is where people make an account for themselves. Where only operators make them there is no such page (FS-10).
func (p *Pages) showRegister(w http.ResponseWriter, r *http.Request) error {
	v, c, err := p.registerVisit(w, r, r.URL.Query().Get("i"))
	if err != nil {
		return err
	}
	view := p.registerView(v, c)
	view.Email, view.Username = hinted(v.params.Get("login_hint"))
	p.show(w, v, view, http.StatusOK)
	return nil
}

func (p *Pages) registerVisit(w http.ResponseWriter, r *http.Request, id string) (*visit, *session.Current, error) {
	if !p.Accounts.Registration.Open {
		return nil, nil, failure(http.StatusNotFound, account.CodeRegistrationClosed, "")
	}
	v, err := p.visit(w, r, id, signInKinds()...)
	if err != nil {
		return nil, nil, err
	}
	c, err := p.Sessions.Current(r.Context(), r)
	return v, c, err
}

func (p *Pages) registerView(v *visit, c *session.Current) ui.Register {
	view := ui.Register{Form: v.form, Client: v.shown(), MinPassword: p.MinPassword, CanCancel: v.is(idp.InteractionAuthorize)}
	if c != nil {
		view.Account = accountOf(c.User)
	}
	return view
}

// hinted says which field a login_hint fills, if it can be a name at all (OpenID Connect Core §3.1.2.1).
func hinted(hint string) (email, username string) {
	if len(hint) > maxField {
		return "", ""
	}
	if _, ok := idp.CanonicalEmail(hint); ok {
		return strings.TrimSpace(hint), ""
	}
	if _, ok := idp.CanonicalUsername(hint); ok {
		return "", strings.TrimSpace(hint)
	}
	return "", ""
}

// register takes the form: it makes the account and signs the person in, in one transaction.
func (p *Pages) register(w http.ResponseWriter, r *http.Request) error {
	ctx, f := r.Context(), r.PostForm
	v, c, err := p.registerVisit(w, r, f.Get("i"))
	if err != nil {
		return err
	}
	if f.Get("action") == actionCancel {
		return p.cancel(w, r, v)
	}
	a := account.Applicant{Email: strings.TrimSpace(f.Get("email")), Username: strings.TrimSpace(f.Get("username")), Password: f.Get("password")}
	view := p.registerView(v, c)
	view.Email, view.Username = cut(a.Email), cut(a.Username)
	if view.Problems = registerMissing(a, f.Get("password_again")); len(view.Problems) > 0 {
		p.show(w, v, view, http.StatusOK)
		return nil
	}
	candidate, err := p.Accounts.Apply(ctx, a)
	if err == nil {
		err = p.signIn(w, r, v, proof{
			SignIn: session.SignIn{User: candidate.User, AMR: []string{idp.MethodPassword}}, method: "registration", before: c, together: candidate.Insert,
		})
		err = candidate.Refused(ctx, err)
	}
	if err != nil {
		return p.refusedRegistration(w, r, v, view, a, err)
	}
	return p.leave(w, v)
}

// registerMissing returns what was left empty, and a password that was typed in two ways: nobody could mail its owner another one.
func registerMissing(a account.Applicant, again string) (problems ui.Problems) {
	if a.Email == "" {
		problems = append(problems, ui.Problem{Field: "email", Message: ui.Say(ui.MsgInvalidEmail)})
	}
	switch {
	case a.Password == "":
		problems = append(problems, ui.Problem{Field: "password", Message: ui.Say(ui.MsgMissingPassword)})
	case a.Password != again:
		problems = append(problems, ui.Problem{Field: "password_again", Message: ui.Say(ui.MsgPasswordsDiffer)})
	}
	return problems
}

// refusedRegistration shows the form again, with the fault beside its field.
func (p *Pages) refusedRegistration(w http.ResponseWriter, r *http.Request, v *visit, view ui.Register, a account.Applicant, err error) error {
	status, wait := http.StatusOK, time.Duration(0)
	if view.Problems = p.registerProblems(err, a); view.Problems == nil {
		var ok bool
		if view.Problems, wait, status, ok = refusal(err, ui.MsgBadCredentials); !ok {
			return err
		}
		view.RetryAfter = wait
	}
	logctx.Set(r.Context(), slog.String("outcome", "refused"))
	return p.answerRefusal(w, err, status, func() error {
		p.show(w, v, view, status)
		return nil
	})
}

// registerProblems says beside which fields an error belongs; nil for one that is not about the form.
func (p *Pages) registerProblems(err error, a account.Applicant) (problems ui.Problems) {
	add := func(field string, m ui.Message) { problems = append(problems, ui.Problem{Field: field, Message: m}) }
	for _, known := range idp.Faults(err) {
		switch {
		case known.Code == account.CodeAddressTaken:
			add("email", ui.Say(ui.MsgAddressTaken))
		case known.Code == account.CodeUsernameTaken:
			add("username", ui.Say(ui.MsgUsernameTaken))
		case known.Kind != idp.Invalid:
		case known.Field == "password":
			add("password", p.passwordProblem(account.NewUser{Email: a.Email, Username: a.Username, Password: a.Password}))
		case known.Field == "username":
			add("username", ui.Say(ui.MsgInvalidUsername))
		default:
			add("email", ui.Say(ui.MsgInvalidEmail))
		}
	}
	return problems
}
