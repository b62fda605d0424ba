package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/logctx"
	"idp/internal/store"
	"idp/internal/trace"
)

// Names of the parameters that a logout interaction keeps for its page. The address was checked here; the page only goes there.
const (
	LogoutRedirect = "post_logout_redirect_uri"
	LogoutState    = "state"
	LogoutOther    = "other" // of ours: the request means another person than the one who is signed in
)

const (
	logoutHintMost = 512 // bytes; longer than any name
	localesMost    = 256 // bytes of ui_locales that are kept
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
	l, err := p.readLogout(r, params, t)
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
	meant := whoeverIsHere
	if here != nil {
		if meant, err = p.meansWhoIsHere(ctx, l, here); err != nil {
			p.failPage(w, r, t, err)
			return
		}
	}
	// RP-Initiated Logout §2, §6: a link alone ends nothing; anybody can make one.
	if here != nil && meant != provenHere {
		p.confirmLogout(w, r, l, meant, t)
		return
	}
	var ended *store.EndedSession
	if here != nil {
		if ended, err = p.Sessions.End(ctx, w, r); err != nil {
			p.failPage(w, r, t, err)
			return
		}
	}
	t.End(trace.OK)
	p.leave(w, r, l, ended)
}

// leave sends the browser where a logout request leads: to our page if applications are told in frames, else back, or to a word that it is done.
func (p *Provider) leave(w http.ResponseWriter, r *http.Request, l *logoutRequest, ended *store.EndedSession) {
	if ended != nil {
		p.TellOfLogout(r.Context(), ended)
		if idp.AnyFrame(ended.Clients) {
			p.SignedOut(w, r, SignedOut{Client: l.client, Return: l.location(), UILocales: l.locales, Clients: ended.Clients})
			return
		}
	}
	if l.target != "" {
		redirect(w, l.location())
		return
	}
	done := p.Issuer + "/logout/done"
	if l.locales != "" {
		done += "?" + url.Values{"ui_locales": {l.locales}}.Encode()
	}
	redirect(w, done)
}

// meaning is what a logout request says about who is signed in.
type meaning int

const (
	whoeverIsHere meaning = iota // nothing that proves anything
	provenHere                   // the application shows that it means this person, and this session
	somebodyElse                 // it means another person
)

// meansWhoIsHere compares whom the request names with who is signed in.
func (p *Provider) meansWhoIsHere(ctx context.Context, l *logoutRequest, here *idp.Session) (meaning, error) {
	known := l.hinted && l.client != nil
	if known && !p.Subjects.Is(l.client, l.subject, here.UserID) {
		return somebodyElse, nil
	}
	meant := whoeverIsHere
	// RP-Initiated Logout §2: asked too if the ID token "does not belong to the current OP session".
	if known && (l.session == "" || l.session == p.Subjects.SessionOf(l.client, here.ID)) {
		meant = provenHere
	}
	if l.hint == "" {
		return meant, nil
	}
	if own := l.client; own != nil && (p.Subjects.Is(own, l.hint, here.UserID) || l.hint == p.Subjects.SessionOf(own, here.ID)) {
		return meant, nil
	}
	u, err := p.Store.User(ctx, here.UserID)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return meant, fmt.Errorf("find who is signed in: %w", err)
	}
	if err != nil || !goesBy(u, l.hint) {
		return somebodyElse, nil
	}
	if l.client != nil && l.client.Pairwise() {
		// It must not find out by trying whose address is right: the question comes either way.
		return whoeverIsHere, nil
	}
	return meant, nil
}

// goesBy reports whether somebody signs in by a name.
func goesBy(u *idp.User, name string) bool {
	if len(name) > logoutHintMost {
		return false
	}
	email, isEmail := idp.CanonicalEmail(name)
	username, isUsername := idp.CanonicalUsername(name)
	return isEmail && email == u.Email || isUsername && username == u.Username
}

// logoutRequest is what a logout request asks for, checked.
type logoutRequest struct {
	client  *idp.Client
	hinted  bool // an ID token of ours came along
	subject string
	session string // as the ID token calls it; empty for clients that do not hear of logout
	hint    string // logout_hint: a name of the person, or of the session
	target  string // registered; empty if there is none
	state   string
	locales string // ui_locales
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
func (p *Provider) readLogout(r *http.Request, params url.Values, t *trace.T) (*logoutRequest, error) {
	l := &logoutRequest{hint: params.Get("logout_hint")}
	if locales := params.Get("ui_locales"); len(locales) <= localesMost {
		l.locales = locales
	}
	fault := func(description string) error {
		return &pageFault{PageError{Status: http.StatusBadRequest, Code: idp.CodeInvalidRequest, Description: description}}
	}
	id := params.Get("client_id")
	if hint := params.Get("id_token_hint"); hint != "" {
		h, ok := p.minter.ReadHint(hint)
		if len(hint) > hintMost || !ok || id != "" && id != h.ClientID {
			t.Fail(idp.Check{
				Name: "id_token_hint", Expected: "an ID token that this server made for the client, decrypted; it may have expired", Received: "something else, or one of another client than client_id",
				Mend: "Send the last ID token of this application; if it is lost, send client_id alone, and the person is asked.", Clause: "RP-Initiated Logout 1.0 §2",
			})
			return nil, fault("The application's proof of who is signed in (id_token_hint) is not one that this server made for it.")
		}
		l.hinted, l.subject, l.session, id = true, h.Subject, h.SessionID, h.ClientID
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
		var registered []string
		if l.client != nil {
			registered = l.client.PostLogoutRedirectURIs
		}
		t.Fail(idp.Check{
			Name: "post_logout_redirect_uri is registered, to the letter", Expected: nearest(registered, target), Received: target,
			Mend: "Register the address exactly as the application sends it: `idp client update " + printable(id) + " --add-post-logout-redirect-uri …`.", Clause: "RP-Initiated Logout 1.0 §3",
		})
		return nil, &pageFault{PageError{
			Status: http.StatusBadRequest, Code: idp.CodeInvalidRequest, About: "post_logout_redirect_uri_invalid", RedirectURI: target,
			Description: "The address that the application wants to continue at after signing out is not registered for it.",
		}}
	}
	l.target, l.state = target, params.Get(LogoutState)
	return l, nil
}

// confirmLogout asks the person. What happens after "yes" waits in the interaction.
func (p *Provider) confirmLogout(w http.ResponseWriter, r *http.Request, l *logoutRequest, meant meaning, t *trace.T) {
	b := interaction.Begin{Kind: idp.InteractionLogout, Browser: p.Sessions.Browser(w, r), TraceID: t.ID}
	if l.client != nil {
		b.ClientID = l.client.ID
	}
	kept := url.Values{}
	if l.target != "" {
		kept.Set(LogoutRedirect, l.target)
		kept.Set(LogoutState, l.state)
	}
	if l.locales != "" {
		kept.Set("ui_locales", l.locales)
	}
	if meant == somebodyElse {
		kept.Set(LogoutOther, "1")
	}
	b.Params = kept.Encode()
	i, err := p.Interactions.Begin(r.Context(), b)
	if err != nil {
		p.failPage(w, r, t, err)
		return
	}
	t.End(trace.Waiting)
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
