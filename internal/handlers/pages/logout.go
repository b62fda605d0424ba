package pages

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"

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
		return p.showSignedOut(w, r, v, nil)
	}
	p.show(w, v, ui.Logout{Form: v.form, Client: v.shown(), Account: *accountOf(c.User), Other: v.params.Has("other")}, http.StatusOK)
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
	var told []idp.SessionClient
	if confirmed {
		ended, err := p.Sessions.End(r.Context(), w, r)
		if err != nil {
			return err
		}
		if ended != nil {
			told = ended.Clients
			if p.TellOfLogout != nil {
				p.TellOfLogout(r.Context(), ended)
			}
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
	return p.showSignedOut(w, r, v, told)
}

// loggedOut is where the end-session endpoint sends the browser that has no address to go back to.
func (p *Pages) loggedOut(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(w, r, "")
	if err != nil {
		return err
	}
	return p.showSignedOut(w, r, v, nil)
}

// showSignedOut shows the page after a session. It goes back to the application by itself: the end-session endpoint has compared the
// address with the registered ones.
func (p *Pages) showSignedOut(w http.ResponseWriter, r *http.Request, v *visit, told []idp.SessionClient) error {
	view := ui.SignedOut{Client: v.shown()}
	if uri := v.params.Get("post_logout_redirect_uri"); v.interaction != nil && uri != "" {
		add := url.Values{}
		if state := v.params.Get("state"); state != "" {
			add.Set("state", state)
		}
		view.ReturnURL, view.Auto = idp.WithQuery(uri, add), true
	}
	var err error
	if view.Frames, err = p.frames(r, told); err != nil {
		return err
	}
	p.show(w, v, view, http.StatusOK)
	return nil
}

// SignedOut is what the protocol wants shown after it ended a session.
type SignedOut struct {
	Client    *idp.Client // who asked; nil for nobody known
	Return    string      // where the browser goes on, checked; empty for nowhere
	UILocales string
	Clients   []idp.SessionClient // that hear of the end
}

// SignedOut answers with the page after a session that the protocol ended.
func (p *Pages) SignedOut(w http.ResponseWriter, r *http.Request, s SignedOut) {
	view := ui.SignedOut{ReturnURL: s.Return, Auto: s.Return != ""}
	if s.Client != nil {
		view.Client = ui.ClientOf(s.Client)
	}
	var err error
	if view.Frames, err = p.frames(r, s.Clients); err != nil {
		p.fail(w, r, err)
		return
	}
	p.UI.Render(w, ui.Page{Locale: p.locale(r, s.UILocales), View: view}, http.StatusOK)
}

// framesMost bounds the page: a person uses fewer applications in one session.
const framesMost = 50

// frames returns what the applications of an ended session want loaded in the browser (Front-Channel Logout 1.0 §2, §3).
func (p *Pages) frames(r *http.Request, told []idp.SessionClient) ([]string, error) {
	var list []string
	for _, one := range told {
		if !one.Front {
			continue
		}
		if len(list) == framesMost {
			p.Logger.WarnContext(r.Context(), "a session had more applications than its last page has frames", slog.String("client_id", one.ClientID), slog.String("session_id", one.SessionID))
			continue
		}
		c, err := p.Clients.Get(r.Context(), one.ClientID)
		if errors.Is(err, idp.ErrNotFound) {
			continue // switched off in this moment
		}
		if err != nil {
			return nil, err
		}
		if c.FrontchannelLogoutURI != "" {
			list = append(list, c.LogoutFrame(p.Issuer, p.Subjects.SessionOf(c, one.SessionID)))
		}
	}
	return list, nil
}
