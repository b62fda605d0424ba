package pages

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"idp/internal/authdetail"
	"idp/internal/crossdevice"
	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/secret"
	"idp/internal/session"
)

// The parameters of an interaction of kind device.
const (
	paramRequest  = "request" // id of the pending authorization
	paramUserCode = "code"    // the user code, sealed: only digests of codes are stored
)

// showDevice is where people type the code of another device (RFC 8628 §3.3).
func (p *Pages) showDevice(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(w, r, "")
	if err != nil {
		return err
	}
	view := ui.DeviceCode{Form: v.form}
	// RFC 8628 §3.3.1: a code that came with the address is shown to be compared, and nothing happens before the person says that it is
	// theirs: the address may have been sent by somebody else (§5.4).
	if code, ok := crossdevice.ParseUserCode(r.URL.Query().Get("user_code")); ok {
		view.Code, view.Given = code, true
	}
	p.show(w, v, view, http.StatusOK)
	return nil
}

// device takes the code.
func (p *Pages) device(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := p.visit(w, r, "")
	if err != nil {
		return err
	}
	view := ui.DeviceCode{Form: v.form, Code: typed(r.PostForm.Get("user_code"))}
	code, ok := crossdevice.ParseUserCode(view.Code)
	if !ok {
		return p.wrongCode(w, v, view)
	}
	guesser, err := p.guesser(w, r, v)
	if err != nil {
		return err
	}
	found, err := p.CrossDevice.FindDevice(ctx, code, guesser)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return p.wrongCode(w, v, view)
	case idp.KindOf(err) == idp.Throttled:
		view.RetryAfter = max(waitOf(err), time.Second)
		setRetryAfter(w, view.RetryAfter)
		p.show(w, v, view, http.StatusTooManyRequests)
		return nil
	case err != nil:
		return err
	}
	sealed, err := p.Keyring.Seal([]byte(code), userCodeBinding(found.ID))
	if err != nil {
		return fmt.Errorf("seal a user code: %w", err)
	}
	v.interaction, err = p.Interactions.Begin(ctx, interaction.Begin{
		Kind: idp.InteractionDevice, ClientID: found.ClientID, Browser: v.browser, TraceID: found.Request.TraceID,
		Params: url.Values{paramRequest: {found.ID}, paramUserCode: {sealed}}.Encode(),
	})
	if err != nil {
		return err
	}
	p.redirect(w, p.deviceURL(v))
	return nil
}

// typed cuts what somebody typed to what is shown again.
func typed(s string) string {
	const most = 64
	if len(s) > most {
		return ""
	}
	return strings.ToValidUTF8(strings.TrimSpace(s), "")
}

// guesser is who a wrong code counts for: the person, or the browser where nobody is signed in.
func (p *Pages) guesser(w http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	c, err := p.Sessions.Resume(r.Context(), w, r)
	if err != nil {
		return "", err
	}
	if c != nil {
		return "user " + c.User.ID, nil
	}
	return "browser " + hex.EncodeToString(v.browser), nil
}

func (p *Pages) wrongCode(w http.ResponseWriter, v *visit, view ui.DeviceCode) error {
	view.Problems = ui.Problems{{Field: "user_code", Message: ui.Say(ui.MsgWrongUserCode)}}
	p.show(w, v, view, http.StatusOK)
	return nil
}

func userCodeBinding(request string) secret.Binding {
	return secret.Binding{Table: "interactions", Column: "params", Row: request}
}

// deviceURL is where the person decides.
func (p *Pages) deviceURL(v *visit) string {
	return p.Issuer + "/device/confirm?i=" + url.QueryEscape(v.interaction.ID)
}

// deviceVisit is what the page of the decision needs. Where signedIn is nil the browser has been sent to sign in first.
type deviceVisit struct {
	*visit
	request  *idp.PendingAuthorization
	signedIn *session.Current
}

func (p *Pages) deviceVisit(w http.ResponseWriter, r *http.Request, id string) (*deviceVisit, error) {
	ctx := r.Context()
	v, err := p.visit(w, r, id, idp.InteractionDevice)
	if err != nil {
		return nil, err
	}
	if err := v.must(); err != nil {
		return nil, err
	}
	d := &deviceVisit{visit: v}
	if d.request, err = p.CrossDevice.Pending(ctx, v.params.Get(paramRequest)); err != nil {
		return nil, err
	}
	c, err := p.Sessions.Resume(ctx, w, r)
	if err != nil {
		return nil, err
	}
	d.signedIn, err = p.signedInFor(ctx, w, v, d.request, c)
	return d, err
}

// signedInFor returns c if it is good enough for the client's rules about sessions and for what the request wishes, and otherwise sends the browser to
// sign in.
func (p *Pages) signedInFor(ctx context.Context, w http.ResponseWriter, v *visit, request *idp.PendingAuthorization, c *session.Current) (*session.Current, error) {
	next, err := p.before(ctx, interaction.Facts{
		Client: v.client, RequestedAt: v.interaction.CreatedAt, Steps: v.interaction.Steps, ACRValues: request.Request.ACRValues,
	}, c)
	if err != nil || next.Step != interaction.Login {
		return c, err
	}
	if steps := &v.interaction.Steps; steps.Reason != next.Reason || !slices.Equal(steps.Contexts, next.Contexts) {
		if err := p.Interactions.Record(ctx, v.interaction, func(s *idp.Steps) { s.Reason, s.Contexts = next.Reason, next.Contexts }); err != nil {
			return nil, err
		}
	}
	p.redirect(w, p.Interactions.PageURL(interaction.Login, v.interaction.ID))
	return nil, nil
}

// before decides what somebody must do before they answer a request: sign in, by the client's rules about sessions, or for an authentication context
// that the request wishes for and that a way of theirs leads to.
func (p *Pages) before(ctx context.Context, f interaction.Facts, c *session.Current) (next interaction.Next, err error) {
	f.Contexts, f.ACRValues = p.Contexts, p.Contexts.Known(f.ACRValues)
	if c != nil {
		f.Session, f.User = c.Session, c.User
	}
	if f.NeedsWays() { // somebody is signed in: without, a wish waits
		if f.Ways, err = p.Ways.Of(ctx, f.User.ID); err != nil {
			return next, err
		}
	}
	return interaction.Decide(f, time.Now()), nil
}

// showDeviceConfirm asks whether the other device may have what it asks for. It asks always, whatever was allowed before and however
// trusted the client is: nobody else can notice that a stranger began this (RFC 8628 §5.4, RFC 10027 §6.1.14).
func (p *Pages) showDeviceConfirm(w http.ResponseWriter, r *http.Request) error {
	d, err := p.deviceVisit(w, r, r.URL.Query().Get("i"))
	if err != nil || d.signedIn == nil {
		return err
	}
	code, err := p.Keyring.Open(d.params.Get(paramUserCode), userCodeBinding(d.request.ID))
	if err != nil {
		return fmt.Errorf("open a user code: %w", err)
	}
	view := ui.DeviceConfirm{
		Form: d.form, Client: d.shown(), Account: *accountOf(d.signedIn.User), UserID: d.signedIn.User.ID, Code: string(code),
		Address: d.request.Request.Address, Agent: shortAgent(d.request.Request.UserAgent), Age: max(time.Second, time.Since(d.request.CreatedAt)),
		Unproven: d.client.Public(), // RFC 8628 §5.6: nothing proves which program this is
	}
	for _, s := range pendingScopes(d.client, d.request) {
		view.Scopes = append(view.Scopes, ui.Scope{Name: s})
	}
	view.Resources, view.DetailDigest = d.request.Audience, pendingDetails(d.request)
	if view.Details, err = p.details(r.Context(), string(d.request.Request.Details)); err != nil {
		return err
	}
	p.show(w, d.visit, view, http.StatusOK)
	return nil
}

// pendingDetails names the authorization details of a request; empty for none. An answer counts for these and no others.
func pendingDetails(request *idp.PendingAuthorization) string {
	return authdetail.Digest(string(request.Request.Details))
}

// pendingScopes are the scopes of a request that the client may have still.
func pendingScopes(c *idp.Client, request *idp.PendingAuthorization) []string {
	return slices.DeleteFunc(slices.Clone(request.Scopes), func(scope string) bool { return !slices.Contains(c.Scopes, scope) })
}

// shortAgent cuts a program's name for itself to what a person may read.
func shortAgent(agent string) string {
	const most = 120
	letters := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // what cannot be seen could turn the rest around
			return -1
		}
		return r
	}, agent))
	if len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return string(letters)
}

// deviceConfirm takes the answer.
func (p *Pages) deviceConfirm(w http.ResponseWriter, r *http.Request) error {
	d, err := p.deviceVisit(w, r, r.PostForm.Get("i"))
	if err != nil || d.signedIn == nil {
		return err
	}
	form := r.PostForm
	action := form.Get("action")
	switch {
	case action == actionSwitch:
		p.redirect(w, p.loginURL(d.visit)+"switch=1")
		return nil
	case action != actionAllow && action != actionDeny:
		return failure(http.StatusBadRequest, idp.CodeInvalidRequest, "The form says neither allow nor deny.")
	case form.Get("account") != d.signedIn.User.ID || form.Get("scopes") != strings.Join(pendingScopes(d.client, d.request), " "), form.Get("details") != pendingDetails(d.request):
		// Somebody else signed in meanwhile, or the application may ask for something else: nobody allows what they have not read.
		p.redirect(w, p.deviceURL(d.visit))
		return nil
	}
	d.request.Scopes = pendingScopes(d.client, d.request) // no more than was read, whatever the client may ask for a moment later
	by := crossdevice.Decision{Session: d.signedIn.Session, Digest: d.signedIn.Digest}
	err = p.Store.InTx(r.Context(), func(ctx context.Context) error {
		if err := p.Interactions.Consume(ctx, d.interaction.ID); err != nil {
			return err
		}
		if action == actionAllow {
			return p.CrossDevice.Approve(ctx, d.request, by)
		}
		return p.CrossDevice.Deny(ctx, d.request, by)
	})
	if err != nil {
		return err
	}
	p.show(w, d.visit, ui.DeviceDone{Client: d.shown(), Allowed: action == actionAllow}, http.StatusOK)
	return nil
}
