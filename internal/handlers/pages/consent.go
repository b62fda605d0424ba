package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"idp/internal/audit"
	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/session"
)

// showConsent asks whether the application may have what it asks for (OpenID Connect Core §3.1.2.4).
func (p *Pages) showConsent(w http.ResponseWriter, r *http.Request) error {
	v, c, err := p.consentVisit(w, r, r.URL.Query().Get("i"))
	if err != nil {
		return err
	}
	if c == nil {
		p.redirect(w, p.Interactions.ResumeURL(v.interaction.ID)) // the authorization endpoint knows what is missing
		return nil
	}
	var granted []string
	g, err := p.Store.Grant(r.Context(), c.User.ID, v.client.ID)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return err
	}
	if g != nil && err == nil {
		granted = g.Scopes
	}
	view := ui.Consent{
		Form: v.form, Client: v.shown(), RedirectHost: redirectHost(v), Account: *accountOf(c.User), UserID: c.User.ID,
		Unverified: v.client.Stranger(), Loopback: !v.client.Trusted && v.client.Public() && isLoopback(redirectHost(v)),
	}
	for _, s := range scopes(v) {
		view.Scopes = append(view.Scopes, ui.Scope{Name: s, Allowed: slices.Contains(granted, s)})
	}
	if view.Details, err = p.details(r.Context(), v.params.Get("authorization_details")); err != nil {
		return err
	}
	view.DetailDigest = detailDigest(v)
	p.show(w, v, view, http.StatusOK)
	return nil
}

// consentVisit returns what the consent page needs; nobody may be signed in.
func (p *Pages) consentVisit(w http.ResponseWriter, r *http.Request, id string) (*visit, *session.Current, error) {
	v, err := p.visit(w, r, id, idp.InteractionAuthorize)
	if err != nil {
		return nil, nil, err
	}
	if err := v.must(); err != nil {
		return nil, nil, err
	}
	c, err := p.Sessions.Current(r.Context(), r)
	return v, c, err
}

// consent takes the answer: all or nothing.
func (p *Pages) consent(w http.ResponseWriter, r *http.Request) error {
	v, c, err := p.consentVisit(w, r, r.PostForm.Get("i"))
	if err != nil {
		return err
	}
	switch r.PostForm.Get("action") {
	case actionSwitch:
		p.redirect(w, p.loginURL(v)+"switch=1")
		return nil
	case actionAllow:
		if c == nil { // it ended meanwhile: the authorization endpoint asks for a sign-in first
			return p.leave(w, v)
		}
		if f := r.PostForm; f.Get("account") != c.User.ID || f.Get("scopes") != strings.Join(scopes(v), " ") || f.Get("details") != detailDigest(v) {
			// While the page was open somebody else signed in in another tab, or an operator changed what the application asks for:
			// nobody allows what somebody else has read, or what nobody has.
			p.redirect(w, p.Interactions.PageURL(interaction.Consent, v.interaction.ID))
			return nil
		}
		err = p.allow(r.Context(), v, c)
	case actionDeny:
		err = p.deny(r.Context(), v, c)
	default:
		return failure(http.StatusBadRequest, idp.CodeInvalidRequest, "The form says neither allow nor deny.")
	}
	if err != nil {
		return err
	}
	return p.leave(w, v)
}

// allow records what the user allowed, for now and for the next time.
func (p *Pages) allow(ctx context.Context, v *visit, c *session.Current) error {
	asked := scopes(v)
	return p.Store.InTx(ctx, func(ctx context.Context) error {
		if err := p.Store.PutGrant(ctx, c.User.ID, v.client.ID, asked, time.Now().UTC()); err != nil {
			return err
		}
		err := p.Interactions.Record(ctx, v.interaction, func(s *idp.Steps) {
			s.ConsentedScopes, s.ConsentUserID, s.ConsentedDetail = asked, c.User.ID, detailDigest(v)
		})
		if err != nil {
			return err
		}
		return p.Audit.Write(ctx, consentEvent(audit.ConsentAllowed, v, c, asked))
	})
}

// deny records that the user said no; the application is told access_denied (FD-8).
func (p *Pages) deny(ctx context.Context, v *visit, c *session.Current) error {
	return p.Store.InTx(ctx, func(ctx context.Context) error {
		if err := p.Interactions.Record(ctx, v.interaction, func(s *idp.Steps) { s.Denied = true }); err != nil {
			return err
		}
		if c == nil { // nobody said it
			return nil
		}
		return p.Audit.Write(ctx, consentEvent(audit.ConsentDenied, v, c, scopes(v)))
	})
}

func consentEvent(kind audit.Type, v *visit, c *session.Current, asked []string) audit.Event {
	return audit.Event{
		Type: kind, ActorKind: audit.ActorUser, ActorID: c.User.ID, UserID: c.User.ID, ClientID: v.client.ID, SessionID: c.Session.ID,
		Details: map[string]string{"scopes": strings.Join(asked, " ")},
	}
}

// scopes returns what the application asks for, as the authorization endpoint reads it.
func scopes(v *visit) []string {
	asked := idp.ConsentScopes(v.client.RequestedScopes(v.params.Get("scope")), strings.Fields(v.params.Get(idp.ParamClaimScopes)))
	return slices.DeleteFunc(asked, func(s string) bool { return !slices.Contains(v.client.Scopes, s) })
}

// redirectHost returns where the answer goes, so that an application with a borrowed name gives itself away: the host, or for a
// native application its scheme (RFC 8252 §7.1).
func redirectHost(v *visit) string {
	uri := v.params.Get("redirect_uri")
	if uri == "" && len(v.client.RedirectURIs) > 0 {
		uri = v.client.RedirectURIs[0]
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return v.client.ID
	case u.Host != "":
		return u.Host
	}
	return u.Scheme + ":"
}

// isLoopback reports whether an answer at a host, perhaps with a port, stays on the person's computer, where any program may wait for it (RFC 8252 §8.6).
func isLoopback(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}
