package oauth

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"idp/internal/crossdevice"
	"idp/internal/idp"
	"idp/internal/trace"
)

// cibaAnswer is CIBA §7.3.
type cibaAnswer struct {
	AuthReqID string `json:"auth_req_id"`
	ExpiresIn int64  `json:"expires_in"`
	Interval  int64  `json:"interval"`
}

const (
	cibaLife     = 5 * time.Minute  // unless the client wishes another one
	cibaLifeMost = 10 * time.Minute // however long it wishes
	bindingMost  = 100              // characters of a binding message: what a person compares at a glance
	loginMost    = 512              // bytes of a login_hint
	notifyMost   = 1024             // characters of a notification token (CIBA §7.1)
)

// bearerToken is what may stand behind "Bearer" (RFC 6750 §2.1).
var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// BackchannelAuthentication is the backchannel authentication endpoint (CIBA §7): a client asks for a person who is not at it, and the person answers on
// a page of this server.
func (p *Provider) BackchannelAuthentication(w http.ResponseWriter, r *http.Request) {
	call, ok := p.clientCall(w, r, "ciba")
	if !ok {
		return
	}
	answer, err := p.ask(r.Context(), call)
	if err != nil {
		call.fail(err)
		return
	}
	call.trace.End(trace.Waiting)
	writeJSON(w, http.StatusOK, answer)
}

// ask checks a request (CIBA §7.2) and keeps it.
func (p *Provider) ask(ctx context.Context, call *clientCall) (*cibaAnswer, error) {
	if call.client.Public() { // CIBA §7.1
		return nil, &Error{Status: http.StatusUnauthorized, Code: idp.CodeInvalidClient, Description: "The client must authenticate."}
	}
	if err := call.mayUse(idp.GrantCIBA); err != nil {
		return nil, err
	}
	if err := p.openCIBARequest(ctx, call); err != nil {
		return nil, err
	}
	if !call.form.Has("scope") { // CIBA §7.1: REQUIRED
		return nil, call.refuse(idp.CodeInvalidRequest, "The parameter scope is missing.")
	}
	scopes, err := call.scopes()
	if err != nil {
		return nil, err
	}
	// CIBA §7.1: scope has openid in it.
	if !slices.Contains(scopes, idp.ScopeOpenID) {
		return nil, call.refuse(idp.CodeInvalidScope, "The scope must have openid in it.")
	}
	q := crossdevice.Question{Ask: crossdevice.Ask{Client: call.client, Scopes: scopes, TraceID: call.trace.ID}}
	if err := call.askBeyondScopes(ctx, &q.Ask); err != nil {
		return nil, err
	}
	for _, read := range []func(*clientCall, *crossdevice.Question) error{readBindingMessage, readRequestedExpiry, readNotifyToken} {
		if err := read(call, &q); err != nil {
			return nil, err
		}
	}
	if q.UserID, err = p.personOf(ctx, call); err != nil {
		return nil, err
	}
	id, interval, err := p.CrossDevice.AskPerson(ctx, q, call.now)
	if err != nil {
		return nil, err
	}
	call.trace.Pass("request and person")
	return &cibaAnswer{AuthReqID: id, ExpiresIn: int64(q.Life / time.Second), Interval: int64(interval / time.Second)}, nil
}

// refuse returns an error of CIBA §13, and tells the trace.
func (c *clientCall) refuse(code, description string) error {
	c.trace.Fail(idp.Check{Name: code, Received: description, Mend: "Change this in the request that the application sends.", Clause: "CIBA §13"})
	return &Error{Status: http.StatusBadRequest, Code: code, Description: description}
}

// readBindingMessage takes what the person is to compare on both devices (CIBA §7.1, RFC 10027 §6.1.17): short, and all of it visible.
func readBindingMessage(call *clientCall, q *crossdevice.Question) error {
	text := call.form.Get("binding_message")
	if utf8.RuneCountInString(text) > bindingMost || text != strings.TrimSpace(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return call.refuse(idp.CodeInvalidBindingMessage, "The binding_message is longer than "+strconv.Itoa(bindingMost)+" characters, or has some that cannot be seen.")
	}
	q.BindingMessage = text
	return nil
}

// readRequestedExpiry takes the life that the client wishes (CIBA §7.1), a positive number of seconds.
func readRequestedExpiry(call *clientCall, q *crossdevice.Question) error {
	q.Life = cibaLife
	text := call.form.Get("requested_expiry")
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(text, 10, 32)
	if err != nil || seconds <= 0 {
		return call.refuse(idp.CodeInvalidRequest, "The requested_expiry is not a positive whole number of seconds.")
	}
	q.Life = min(time.Duration(seconds)*time.Second, cibaLifeMost)
	return nil
}

// readNotifyToken takes the token that this server shows to the client in mode ping (CIBA §7.1). In mode poll it is not used.
func readNotifyToken(call *clientCall, q *crossdevice.Question) error {
	if call.client.DeliveryMode != idp.DeliveryPing {
		return nil
	}
	q.NotifyToken = call.form.Get("client_notification_token")
	if len(q.NotifyToken) > notifyMost || !bearerToken.MatchString(q.NotifyToken) {
		return call.refuse(idp.CodeInvalidRequest, "The client_notification_token is missing, longer than "+strconv.Itoa(notifyMost)+" characters, or no bearer token.")
	}
	return nil
}

// personOf returns whom the one hint of the request names (CIBA §7.1: one, and only one).
func (p *Provider) personOf(ctx context.Context, call *clientCall) (string, error) {
	hints := []string{"login_hint", "id_token_hint", "login_hint_token"}
	named := slices.DeleteFunc(slices.Clone(hints), func(name string) bool { return !call.form.Has(name) })
	if len(named) != 1 {
		return "", call.refuse(idp.CodeInvalidRequest, "Exactly one of login_hint, id_token_hint and login_hint_token must say whom to ask.")
	}
	var u *idp.User
	var err error
	switch hint := call.form.Get(named[0]); named[0] {
	case "login_hint":
		u, err = p.personByName(ctx, call.client, hint)
	case "id_token_hint":
		h, ok := p.minter.ReadHint(hint)
		// RFC 8725 §3.9: its audience is this client.
		if len(hint) > hintMost || !ok || h.ClientID != call.client.ID {
			return "", call.refuse(idp.CodeInvalidRequest, "The id_token_hint is not an ID token that this server made for this client.")
		}
		u, err = p.personBySub(ctx, call.client, h.Subject)
	default:
		u, err = p.personByToken(ctx, call, hint)
	}
	if own := (*Error)(nil); errors.As(err, &own) {
		return "", err
	}
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return "", err
	}
	if err != nil || u.State != idp.UserActive {
		call.trace.Fail(idp.Check{
			Name: "person is known", Expected: "the verified address, username or sub of an active account", Received: named[0] + " of nobody",
			Mend: "Compare it with `idp user list`.", Clause: "CIBA §13",
		})
		return "", &Error{Status: http.StatusBadRequest, Code: idp.CodeUnknownUserID, Description: "The hint names nobody who can be asked."}
	}
	return u.ID, nil
}

// personByName finds who has a sub, or signs in by a name. The sub counts first: names are chosen, and whoever chose somebody's sub for one would be asked
// for them. An address that nobody has shown to be theirs names nobody: whoever registered it would be
// asked, and answer, for its owner (SEC-8).
func (p *Provider) personByName(ctx context.Context, c *idp.Client, name string) (*idp.User, error) {
	if len(name) > loginMost {
		return nil, idp.ErrNotFound
	}
	sub := name
	if c.Pairwise() {
		if u, err := p.personBySub(ctx, c, name); !errors.Is(err, idp.ErrNotFound) {
			return u, err
		}
		sub = ""
	} else if !idp.ValidSubject(name) {
		sub = ""
	}
	value := idp.CanonicalIdentifier(name)
	u, err := p.Store.UserBySubOrIdentifier(ctx, sub, value)
	if err == nil && u.ID != sub && value == u.Email && !u.EmailVerified {
		return nil, idp.ErrNotFound
	}
	return u, err
}

// personBySub finds who has a sub at the client. One of a client with pairwise subjects leads back by what was kept when the client got an ID token, and
// is good only where it is what the person is called at this very client.
func (p *Provider) personBySub(ctx context.Context, c *idp.Client, sub string) (*idp.User, error) {
	if c.Pairwise() {
		u, err := p.Store.UserByPairwiseSubject(ctx, sub)
		if err == nil && !p.Subjects.Is(c, sub, u.ID) {
			return nil, idp.ErrNotFound
		}
		return u, err
	}
	if !idp.ValidSubject(sub) {
		return nil, idp.ErrNotFound
	}
	return p.Store.User(ctx, sub)
}
