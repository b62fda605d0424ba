package pages

import (
	"net/http"
	"net/url"
	"strings"

	"idp/internal/handlers/ui"
	"idp/internal/idp"
)

// showLogout asks whether to sign out. Nothing ends by a GET, whoever sends it (SEC-5, FS-8).
func (p *Pages) showLogout(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(w, r, r.URL.Query().Get("i"), idp.InteractionLogout)
	if err != nil {
		return err
	}
	c, err := p.Sessions.Resume(r.Context(), w, r) // the remember cookie counts: without the question it would outlive the sign-out
	if err != nil {
		return err
	}
	if c == nil {
		p.show(w, v, v.signedOut(), http.StatusOK)
		return nil
	}
	p.show(w, v, ui.Logout{Form: v.form, Client: v.shown(), Account: *accountOf(c.User)}, http.StatusOK)
	return nil
}

// logout ends the session of this browser: the button of a page of ours, or the answer to an application's wish (OpenID Connect
// RP-Initiated Logout §2).
func (p *Pages) logout(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(w, r, r.PostForm.Get("i"), idp.InteractionLogout)
	if err != nil {
		return err
	}
	confirmed := r.PostForm.Get("action") == actionConfirm
	if confirmed {
		if _, err := p.Sessions.End(r.Context(), w, r); err != nil {
			return err
		}
	}
	if v.interaction != nil {
		// Gone means that another tab was first, which ended the same session.
		if err := p.Interactions.Consume(r.Context(), v.interaction.ID); err != nil && idp.KindOf(err) != idp.Gone {
			return err
		}
	}
	if !confirmed {
		p.redirect(w, p.Issuer+"/")
		return nil
	}
	p.show(w, v, v.signedOut(), http.StatusOK)
	return nil
}

// loggedOut is where the end-session endpoint sends the browser that has no address to go back to.
func (p *Pages) loggedOut(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(w, r, "")
	if err != nil {
		return err
	}
	p.show(w, v, v.signedOut(), http.StatusOK)
	return nil
}

// signedOut is the page after a session. It goes back to the application by itself: the end-session endpoint has compared the
// address with the registered ones.
func (v *visit) signedOut() ui.SignedOut {
	view := ui.SignedOut{Client: v.shown()}
	if uri := v.params.Get("post_logout_redirect_uri"); v.interaction != nil && uri != "" {
		view.ReturnURL, view.Auto = withState(uri, v.params.Get("state")), true
	}
	return view
}

// withState appends the state to a registered address without touching a letter of it.
func withState(uri, state string) string {
	if state == "" {
		return uri
	}
	sep := "?"
	if strings.Contains(uri, "?") {
		sep = "&"
	}
	return uri + sep + "state=" + url.QueryEscape(state)
}
