package pages

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"idp/internal/auth"
	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/logctx"
	"idp/internal/secret"
	"idp/internal/session"
)

// The values of a form's action. None of them is a password form.
const (
	actionContinue = "continue"
	actionSwitch   = "switch"
	actionCancel   = "cancel"
	actionConfirm  = "confirm"
	actionAllow    = "allow"
	actionDeny     = "deny"
)

// showLogin is the sign-in page, and the choice of the account.
func (p *Pages) showLogin(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(w, r, r.URL.Query().Get("i"), signInKinds()...)
	if err != nil {
		return err
	}
	c, err := p.signedIn(w, r, v)
	if err != nil {
		return err
	}
	if c != nil && v.interaction == nil && !r.URL.Query().Has(actionSwitch) {
		p.redirect(w, p.Issuer+"/")
		return nil
	}
	if c != nil && r.URL.Query().Has(actionSwitch) {
		c = nil
	}
	view := p.loginView(v, c)
	return p.showLoginView(w, r, v, c, view, http.StatusOK)
}

// signedIn returns who is signed in. Where nothing waits the remember cookie counts too; where an application waits the
// authorization endpoint has looked at it already.
func (p *Pages) signedIn(w http.ResponseWriter, r *http.Request, v *visit) (*session.Current, error) {
	if v.interaction == nil {
		return p.Sessions.Resume(r.Context(), w, r)
	}
	return p.Sessions.Current(r.Context(), r)
}

// loginStep says what the sign-in page asks for, from why the authorization endpoint wants it.
func loginStep(reason string, c *session.Current) ui.LoginStep {
	if c == nil {
		return ui.LoginFresh
	}
	switch reason {
	case interaction.ReasonHintMismatch:
		return ui.LoginFresh
	case interaction.ReasonPromptLogin, interaction.ReasonAlwaysReauthenticate, interaction.ReasonMaxAge, interaction.ReasonClientMaxSessionAge,
		interaction.ReasonACR:
		return ui.LoginReauth
	}
	// select_account; or somebody signed in meanwhile, in another tab.
	return ui.LoginSelect
}

// loginView is the sign-in page before anything was typed.
func (p *Pages) loginView(v *visit, c *session.Current) ui.Login {
	view := ui.Login{Form: v.form, Client: v.shown(), Step: loginStep(v.reason(), c), CanCancel: v.is(idp.InteractionAuthorize)}
	switch view.Step {
	case ui.LoginReauth:
		view.Notice = ui.Say(ui.MsgReauthenticate)
		view.Account = accountOf(c.User)
	case ui.LoginSelect:
		view.Account = accountOf(c.User)
	default:
		if hint := v.params.Get("login_hint"); len(hint) <= maxField {
			view.Identifier = hint
		}
		if v.reason() == interaction.ReasonHintMismatch && c != nil {
			view.Notice = ui.Say(ui.MsgWrongAccount)
		} else {
			view.MayRegister = p.Accounts.Registration.Open
		}
	}
	if len(v.contexts()) > 0 && view.Step != ui.LoginSelect && view.Notice.ID != ui.MsgWrongAccount {
		view.Notice = ui.Say(ui.MsgOtherWay)
	}
	return view
}

// showLoginView adds the upstream buttons and answers. Where a certain way of signing in is asked for, only those are on the page that may lead there.
func (p *Pages) showLoginView(w http.ResponseWriter, r *http.Request, v *visit, c *session.Current, view ui.Login, status int) error {
	if view.Step != ui.LoginSelect {
		list, err := p.Providers.Enabled(r.Context())
		if err != nil {
			return err
		}
		offered, err := p.offered(r.Context(), v, c, view.Step)
		if err != nil {
			return err
		}
		if !offered("") { // a new account would have a password and nothing else
			view.HidePassword, view.MayRegister = true, false
		}
		for _, one := range list {
			if offered(one.ID) {
				view.Providers = append(view.Providers, providerOf(one))
			}
		}
	}
	p.show(w, v, view, status)
	return nil
}

// offered returns which ways of signing in are of any use, by their provider; the password has none.
func (p *Pages) offered(ctx context.Context, v *visit, c *session.Current, step ui.LoginStep) (func(provider string) bool, error) {
	all := func(string) bool { return true }
	contexts := v.contexts()
	if len(contexts) == 0 {
		return all, nil
	}
	user := ""
	if c != nil && step == ui.LoginReauth {
		user = c.User.ID
	}
	ways, err := p.Ways.Of(ctx, user)
	if err != nil {
		return nil, err
	}
	useful := map[string]bool{}
	for _, way := range ways {
		if way.Offered() && way.Reaches(p.Contexts, contexts) {
			useful[way.ProviderID] = true
		}
	}
	if len(useful) == 0 { // the settings changed meanwhile: whoever signs in hears the rest from the authorization endpoint
		return all, nil
	}
	return func(provider string) bool { return useful[provider] }, nil
}

// providerOf returns a provider as a button shows it.
func providerOf(p *idp.Provider) ui.Provider {
	shown := ui.Provider{ID: p.ID, Name: p.Name}
	if p.Type == "google" {
		shown.Icon, shown.Name = "google", cmp.Or(p.Name, "Google")
	}
	shown.Name = cmp.Or(shown.Name, p.ID)
	return shown
}

// login takes the sign-in form, and the buttons of the account choice.
func (p *Pages) login(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(w, r, r.PostForm.Get("i"), signInKinds()...)
	if err != nil {
		return err
	}
	switch r.PostForm.Get("action") {
	case actionCancel:
		return p.cancel(w, r, v)
	case actionSwitch:
		p.redirect(w, p.loginURL(v)+"switch=1")
		return nil
	case actionContinue:
		return p.choose(w, r, v)
	}
	return p.password(w, r, v)
}

// loginURL returns the address of the sign-in page, ready for one more parameter.
func (p *Pages) loginURL(v *visit) string {
	if v.interaction == nil {
		return p.Issuer + "/login?"
	}
	return p.Interactions.PageURL(interaction.Login, v.interaction.ID) + "&"
}

// cancel records that the person does not want to: the application is told access_denied.
func (p *Pages) cancel(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.is(idp.InteractionAuthorize) {
		if err := p.Interactions.Record(r.Context(), v.interaction, func(s *idp.Steps) { s.Denied = true }); err != nil {
			return err
		}
	}
	return p.leave(w, v)
}

// choose records that the person goes on with the account that is signed in.
func (p *Pages) choose(w http.ResponseWriter, r *http.Request, v *visit) error {
	c, err := p.Sessions.Current(r.Context(), r)
	if err != nil {
		return err
	}
	if c == nil { // it ended meanwhile
		p.redirect(w, p.loginURL(v)+"switch=1")
		return nil
	}
	if v.waits() {
		if err := p.Interactions.Record(r.Context(), v.interaction, func(s *idp.Steps) { s.SelectedUserID = c.User.ID }); err != nil {
			return err
		}
	}
	return p.leave(w, v)
}

// password is the form itself.
func (p *Pages) password(w http.ResponseWriter, r *http.Request, v *visit) error {
	ctx := r.Context()
	c, err := p.Sessions.Current(ctx, r)
	if err != nil {
		return err
	}
	view := p.loginView(v, c)
	identifier, password := r.PostForm.Get("identifier"), r.PostForm.Get("password")
	if view.Step != ui.LoginReauth || identifier != view.Account.Identifier {
		view.Step, view.Account, view.Notice = ui.LoginFresh, nil, ui.Message{}
	}
	view.Remember = r.PostForm.Get("remember") == "1"
	if len(identifier) <= maxField {
		view.Identifier = identifier
	}
	if view.Problems = missing(identifier, password); len(view.Problems) > 0 {
		return p.showLoginView(w, r, v, c, view, http.StatusOK)
	}
	attempt := auth.Attempt{
		Identifier: identifier, Password: password, KnownDevice: func(userID string) bool { return p.Sessions.KnownDevice(r, userID) },
	}
	err = auth.ErrChanged
	for try := 0; try < 2 && errors.Is(err, auth.ErrChanged); try++ { // a new hash may have taken the old one's place, for the same password
		proved, refused := p.Password.Prove(ctx, attempt)
		if refused != nil {
			return p.refusedLogin(w, r, v, c, view, refused)
		}
		// A step-up has no tick: what the person chose at sign-in stays.
		remember := view.Remember || view.Step == ui.LoginReauth && c.User.ID == proved.User.ID && c.Session.Remembered
		err = p.signIn(w, r, v, proof{
			SignIn: session.SignIn{User: proved.User, AMR: []string{idp.MethodPassword}, Remember: remember}, method: "password", before: c, together: proved.Stands,
		})
	}
	switch {
	case errors.Is(err, auth.ErrChanged):
		return p.refusedLogin(w, r, v, c, view, auth.Refused(err))
	case err != nil:
		return err
	}
	return p.leave(w, v)
}

// missing returns what was left empty.
func missing(identifier, password string) (problems ui.Problems) {
	if identifier == "" {
		problems = append(problems, ui.Problem{Field: "identifier", Message: ui.Say(ui.MsgMissingIdentifier)})
	}
	if password == "" {
		problems = append(problems, ui.Problem{Field: "password", Message: ui.Say(ui.MsgMissingPassword)})
	}
	return problems
}

// refusedLogin shows the form again. Every wrong cause has one wording and one status (FS-15).
func (p *Pages) refusedLogin(w http.ResponseWriter, r *http.Request, v *visit, c *session.Current, view ui.Login, err error) error {
	problems, wait, status, ok := refusal(err, ui.MsgBadCredentials)
	if !ok {
		return err
	}
	view.Problems, view.RetryAfter = problems, wait
	logctx.Set(r.Context(), slog.String("outcome", "refused"))
	return p.answerRefusal(w, err, status, func() error { return p.showLoginView(w, r, v, c, view, status) })
}

// answerRefusal sets Retry-After where there is something to wait for, and shows the form.
func (p *Pages) answerRefusal(w http.ResponseWriter, err error, status int, show func() error) error {
	if status != http.StatusOK {
		setRetryAfter(w, cmp.Or(waitOf(err), retryLater))
	}
	return show()
}

// refusal says how a password that was not accepted is answered on its form: what is wrong, how long to wait, the status. ok is false
// for an error that is not about the password.
func refusal(err error, wrong string) (problems ui.Problems, wait time.Duration, status int, ok bool) {
	say := func(m ui.Message) ui.Problems { return ui.Problems{{Message: m}} }
	switch idp.KindOf(err) {
	case idp.Unauthenticated:
		return say(ui.Say(wrong)), 0, http.StatusOK, true
	case idp.Invalid: // judged by what was typed alone (FB-3, FB-5)
		return say(ui.Message{ID: ui.MsgPasswordTooLong, Data: map[string]any{"Max": secret.MaxPasswordRunes}}), 0, http.StatusOK, true
	case idp.Throttled:
		return nil, cmp.Or(waitOf(err), retryLater), http.StatusTooManyRequests, true
	case idp.Unavailable:
		if codeOf(err) == "busy" {
			return say(ui.Say(ui.MsgBusy)), 0, http.StatusServiceUnavailable, true
		}
	}
	return nil, 0, 0, false
}

// begin makes sure that something waits, so that an upstream's answer finds its way back.
func (p *Pages) begin(ctx context.Context, v *visit) error {
	if v.interaction != nil {
		return nil
	}
	i, err := p.Interactions.Begin(ctx, interaction.Begin{Kind: idp.InteractionSignIn, Browser: v.browser})
	if err != nil {
		return err
	}
	v.interaction, v.form.Interaction = i, i.ID
	return nil
}
