package oauth

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/logctx"
	"idp/internal/trace"
)

// Names of the parameters that a logout interaction keeps for its page. The address was checked here; the page only goes there.
const (
	LogoutRedirect = "post_logout_redirect_uri"
	LogoutState    = "state"
)

// Logout is the end-session endpoint (RP-Initiated Logout 1.0 §2). With an ID token of the session as hint the session ends and the
// browser goes back; without one anybody could be the sender, so the person is asked (FL-14).
func (p *Provider) Logout(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	t := p.Traces.Begin(logctx.From(ctx).Trace, "logout", time.Now())
	params, err := authorizeParams(w, r)
	if err != nil {
		p.failPage(w, r, t, err)
		return
	}
	if r.Method == http.MethodPost && !p.Sessions.Brought(r) {
		if query := params.Encode(); len(query) <= queryMost {
			// As at the authorization endpoint: the application's form came without our SameSite=Lax cookies, and a session that
			// is not seen is not ended. A navigation brings them along.
			redirect(w, p.Issuer+pathLogout+"?"+query)
			return
		}
	}
	l, err := p.readLogout(r, params)
	if err != nil {
		p.failPage(w, r, t, err)
		return
	}
	// A session that only the remember cookie knows counts too: else the next request of any application would bring it back.
	here, err := p.Sessions.Here(ctx, r)
	if err != nil {
		p.failPage(w, r, t, err)
		return
	}
	if l.client != nil {
		logctx.Set(ctx, slog.String("client_id", l.client.ID))
	}
	// RP-Initiated Logout §2, §6: a link alone ends nothing; anybody can make one.
	switch {
	case here != nil && (!l.hinted || l.client == nil || !p.Subjects.Is(l.client, l.subject, here.UserID)):
		p.confirmLogout(w, r, l, t.ID)
		return
	case here != nil:
		ended, err := p.Sessions.End(ctx, w, r)
		if err != nil {
			p.failPage(w, r, t, err)
			return
		}
		if ended != nil {
			p.TellOfLogout(ctx, ended)
			if idp.AnyFrame(ended.Clients) {
				t.End(trace.OK)
				p.SignedOut(w, r, SignedOut{Client: l.client, Return: l.location(), UILocales: params.Get("ui_locales"), Clients: ended.Clients})
				return
			}
		}
	}
	if l.target == "" {
		redirect(w, p.Issuer+"/logout/done")
		return
	}
	redirect(w, l.location())
}

// logoutRequest is what a logout request asks for, checked.
type logoutRequest struct {
	client  *idp.Client
	hinted  bool // an ID token of ours came along
	subject string
	target  string // registered; empty if there is none
	state   string
}

// location is the client's address with nothing but the state added (RP-Initiated Logout 1.0 §3).
func (l *logoutRequest) location() string {
	if l.target == "" || l.state == "" {
		return l.target
	}
	return idp.WithQuery(l.target, url.Values{"state": {l.state}})
}

// readLogout checks the parameters. A target that is not registered, to the letter, for the client of the hint (or of client_id) is an
// error page and never a redirect.
func (p *Provider) readLogout(r *http.Request, params url.Values) (*logoutRequest, error) {
	l := &logoutRequest{}
	fault := func(description string) error {
		return &pageFault{PageError{Status: http.StatusBadRequest, Code: "invalid_request", Description: description}}
	}
	id := params.Get("client_id")
	if hint := params.Get("id_token_hint"); hint != "" {
		h, ok := p.minter.ReadHint(hint)
		if len(hint) > hintMost || !ok || id != "" && id != h.ClientID {
			return nil, fault("The application's proof of who is signed in (id_token_hint) is not one that this server made for it.")
		}
		l.hinted, l.subject, id = true, h.Subject, h.ClientID
	}
	if id != "" {
		c, err := p.Clients.Get(r.Context(), id)
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			return nil, err
		}
		l.client = c
	}
	if len(params.Get(LogoutState)) > stateMost {
		return nil, fault("The parameter state is longer than 4096 bytes.")
	}
	target := params.Get(LogoutRedirect)
	if target == "" || id == "" {
		return l, nil // an address that nobody vouches for is left out: the person can still sign out
	}
	// RP-Initiated Logout §3, §3.1: what is registered, to the letter.
	if l.client == nil || !slices.Contains(l.client.PostLogoutRedirectURIs, target) {
		return nil, &pageFault{PageError{
			Status: http.StatusBadRequest, Code: "invalid_request", About: "post_logout_redirect_uri_invalid", RedirectURI: target,
			Description: "The address that the application wants to continue at after signing out is not registered for it.",
		}}
	}
	l.target, l.state = target, params.Get(LogoutState)
	return l, nil
}

// confirmLogout asks the person. What happens after "yes" waits in the interaction.
func (p *Provider) confirmLogout(w http.ResponseWriter, r *http.Request, l *logoutRequest, traceID string) {
	b := interaction.Begin{Kind: idp.InteractionLogout, Browser: p.Sessions.Browser(w, r), TraceID: traceID}
	if l.client != nil {
		b.ClientID = l.client.ID
	}
	if l.target != "" {
		b.Params = url.Values{LogoutRedirect: {l.target}, LogoutState: {l.state}}.Encode()
	}
	i, err := p.Interactions.Begin(r.Context(), b)
	if err != nil {
		p.failPage(w, r, p.Traces.Begin(traceID, "logout", time.Now()), err)
		return
	}
	redirect(w, p.Issuer+"/logout?i="+url.QueryEscape(i.ID))
}

// logoutMetadata is what discovery says of the ways in which applications hear of a sign-out (Back-Channel Logout 1.0 §2.1, Front-Channel
// Logout 1.0 §3, Session Management 1.0 §3.3).
type logoutMetadata struct {
	Backchannel         bool   `json:"backchannel_logout_supported"`
	BackchannelSession  bool   `json:"backchannel_logout_session_supported"`
	Frontchannel        bool   `json:"frontchannel_logout_supported"`
	FrontchannelSession bool   `json:"frontchannel_logout_session_supported"`
	CheckSession        string `json:"check_session_iframe"`
}

func (p *Provider) logoutSupported() logoutMetadata {
	return logoutMetadata{Backchannel: true, BackchannelSession: true, Frontchannel: true, FrontchannelSession: true, CheckSession: p.Issuer + pathCheckSession}
}
