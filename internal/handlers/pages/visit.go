package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"idp/internal/handlers/ui"
	"idp/internal/idp"
)

// visit is what a page knows of the request that it answers.
type visit struct {
	browser     []byte // digest of the browser cookie
	form        ui.Form
	locale      ui.Locale
	interaction *idp.Interaction // nil where no application waits
	params      url.Values       // of the request that waits; never nil
	client      *idp.Client      // the application that waits; nil where there is none, or it is not known
}

// maxField bounds what a person typed and gets shown again.
const maxField = 512

// visit reads what waits under id, of one of the kinds. No id is a visit of its own; an id that is not this browser's is an error
// (PS-14).
func (p *Pages) visit(w http.ResponseWriter, r *http.Request, id string, kinds ...idp.InteractionKind) (*visit, error) {
	cookies := len(w.Header()["Set-Cookie"])
	browser := p.Sessions.Browser(w, r)
	fresh := len(w.Header()["Set-Cookie"]) > cookies // the browser sent no cookie of ours
	v := &visit{browser: browser, params: url.Values{}, form: ui.Form{CSRF: p.Sessions.CSRF(browser)}}
	v.locale = p.locale(r, "")
	if id == "" {
		return v, nil
	}
	i, err := p.Interactions.Load(r.Context(), id, browser)
	if idp.KindOf(err) == idp.Gone && fresh {
		return nil, &idp.Error{Kind: idp.Gone, Code: codeNoCookie, Message: "The browser sent no cookie of ours.", Err: err}
	}
	if err != nil {
		return nil, err
	}
	if !hasKind(kinds, i.Kind) {
		return nil, &idp.Error{Kind: idp.Gone, Code: codeExpired, Message: "This address belongs to another step."}
	}
	return v, p.recall(r, v, i)
}

// recall puts an interaction into the visit.
func (p *Pages) recall(r *http.Request, v *visit, i *idp.Interaction) error {
	params, err := url.ParseQuery(i.Params)
	if err != nil {
		return errors.New("the parameters of interaction " + i.ID + " cannot be read") // the text would hold them
	}
	v.interaction, v.params, v.form.Interaction = i, params, i.ID
	v.locale = p.locale(r, params.Get("ui_locales"))
	if i.ClientID == "" {
		return nil
	}
	v.client, err = p.Clients.Get(r.Context(), i.ClientID)
	if errors.Is(err, idp.ErrNotFound) {
		return &idp.Error{Kind: idp.Invalid, Code: "client_disabled", Message: "The application has been switched off.", Err: err}
	}
	return err
}

func hasKind(kinds []idp.InteractionKind, kind idp.InteractionKind) bool {
	for _, k := range kinds {
		if k == kind {
			return true
		}
	}
	return false
}

// must returns an error where nothing waits: the page makes sense only in the middle of something.
func (v *visit) must() error {
	if v.interaction == nil {
		return &idp.Error{Kind: idp.Gone, Code: codeExpired, Message: "This page belongs to a sign-in, and none is under way."}
	}
	return nil
}

// waits reports whether an application waits: with an authorization request, on another device, or with a question that somebody signs in for.
func (v *visit) waits() bool {
	return v.is(idp.InteractionAuthorize) || v.is(idp.InteractionDevice) || v.question() != ""
}

// question is the request among those that wait for somebody's approval for which they sign in; empty for none.
func (v *visit) question() string {
	if !v.is(idp.InteractionApprovals) {
		return ""
	}
	return v.params.Get(paramRequest)
}

func (v *visit) is(kind idp.InteractionKind) bool {
	return v.interaction != nil && v.interaction.Kind == kind
}

// signInKinds are the interactions in which somebody may have to sign in.
func signInKinds() []idp.InteractionKind {
	return []idp.InteractionKind{idp.InteractionAuthorize, idp.InteractionSignIn, idp.InteractionDevice, idp.InteractionApprovals}
}

// shown returns the application as a page shows it, nil for none.
func (v *visit) shown() *ui.Client {
	if v.client == nil {
		return nil
	}
	return ui.ClientIn(v.client, v.locale.Tag())
}

func (v *visit) reason() string {
	if v.interaction == nil {
		return ""
	}
	return v.interaction.Steps.Reason
}

// contexts are those of which the sign-in should be one; none for any.
func (v *visit) contexts() []string {
	if v.interaction == nil {
		return nil
	}
	return v.interaction.Steps.Contexts
}

// locale chooses the language (FL-17): the application's wish, then the browser's.
func (p *Pages) locale(r *http.Request, uiLocales string) ui.Locale {
	if uiLocales == "" && r.Method == http.MethodGet {
		uiLocales = r.URL.Query().Get("ui_locales")
	}
	return p.UI.Localizer(uiLocales, r.Header.Get("Accept-Language"))
}

// show answers with a page.
func (p *Pages) show(w http.ResponseWriter, v *visit, view ui.View, status int) {
	p.UI.Render(w, ui.Page{Locale: v.locale, View: view}, status)
}

// accountOf returns a user as a page shows them.
func accountOf(u *idp.User) *ui.Account {
	identifier := u.Email
	if identifier == "" {
		identifier = u.Username
	}
	name := strings.TrimSpace(u.Profile.Name)
	if name == "" {
		name = strings.TrimSpace(u.Profile.GivenName + " " + u.Profile.FamilyName)
	}
	if name == "" {
		name = identifier
	}
	if identifier == "" {
		identifier = name
	}
	return &ui.Account{Name: name, Identifier: identifier}
}

// leave goes on after a step: to the protocol, or home. It is the answer to a form whose way may lead to another origin.
func (p *Pages) leave(w http.ResponseWriter, v *visit) error {
	switch {
	case v.is(idp.InteractionApprovals):
		to := p.Issuer + "/approvals"
		if v.question() != "" {
			to += "?i=" + url.QueryEscape(v.interaction.ID)
		}
		p.redirect(w, to)
		return nil
	case v.is(idp.InteractionDevice):
		p.redirect(w, p.deviceURL(v))
		return nil
	case v.waits():
		p.show(w, v, ui.Continue{URL: p.Interactions.ResumeURL(v.interaction.ID), Client: v.shown()}, http.StatusOK)
		return nil
	}
	p.redirect(w, p.Issuer+"/")
	return nil
}

// redirect sends the browser to an address of this server: 303, so that no form is sent twice, and kept by nobody (FS-9).
func (p *Pages) redirect(w http.ResponseWriter, to string) {
	h := w.Header()
	for name, values := range ui.SecurityHeaders() {
		h[name] = values
	}
	h.Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
