package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/outbound"
	"idp/internal/outbox"
	"idp/internal/store"
)

const (
	tellPatience = 3 * time.Second  // how long a person who signs out waits for applications
	tellLease    = 30 * time.Second // longer than any attempt takes
	tellMost     = 32               // applications told while somebody waits; the others hear in a moment
	tellBusy     = 5 * time.Second  // until there may be a place in the line of an application's host
	faultMost    = 200              // bytes
)

// tellAgain is how long after which attempt the next one comes; after the last of them the application is given up.
func tellAgain() []time.Duration {
	return []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}
}

// TellOfLogout tells the applications of a session that has just ended, for a moment: Back-Channel Logout 1.0 §2.5 wants it done before the
// browser goes on. Who does not answer in time is told again by SendLogouts.
func (p *Provider) TellOfLogout(ctx context.Context, ended *store.EndedSession) {
	waits := false
	for _, c := range ended.Clients {
		waits = waits || c.Back
	}
	if !waits || p.Outbound == nil {
		return
	}
	// A browser that goes away changes nothing.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellPatience)
	defer cancel()
	now := time.Now()
	list, err := p.Store.ClaimLogoutsOf(ctx, ended.ID, tellMost, now.Add(tellLease), now)
	if err == nil {
		err = p.logouts.Each(ctx, list)
	}
	if err != nil && ctx.Err() == nil {
		p.Logger.WarnContext(ctx, "applications are told of a sign-out later", slog.String("session_id", ended.ID), slog.Any("error", err))
	}
}

// SendLogouts tells applications of ended sessions, as far as they are due at now, and returns how many were told, and how many are given
// up. Every replica does it: an entry belongs to one of them at a time.
func (p *Provider) SendLogouts(ctx context.Context, now time.Time) (delivered, failed int, err error) {
	if p.Outbound == nil {
		return 0, 0, nil
	}
	return p.logouts.Send(ctx, now)
}

// logoutBox returns the outbox of logout tokens.
func (p *Provider) logoutBox() *outbox.Box[*idp.Logout] {
	return &outbox.Box[*idp.Logout]{
		Claim: func(ctx context.Context, limit int, busy []string, now time.Time) ([]*idp.Logout, error) {
			list, err := p.Store.ClaimLogouts(ctx, store.Claim{Limit: limit, Busy: busy, Lease: now.Add(tellLease), Now: now})
			if err != nil {
				err = fmt.Errorf("claim logouts: %w", err)
			}
			return list, err
		},
		Client: func(v *idp.Logout) string { return v.ClientID },
		Back: func(ctx context.Context, v *idp.Logout) error {
			return p.Store.PutOffLogout(ctx, v, time.Now().Add(tellBusy))
		},
		Try: func(ctx context.Context, v *idp.Logout) (outbox.Result, error) {
			a := p.tell(ctx, v)
			if a.busy {
				return outbox.Untried, nil
			}
			if err := p.settle(ctx, v, a); err != nil {
				return outbox.Again, err
			}
			return map[idp.LogoutState]outbox.Result{idp.LogoutDelivered: outbox.Delivered, idp.LogoutFailed: outbox.GivenUp}[v.State], nil
		},
	}
}

// attempt is what came of one attempt.
type attempt struct {
	status int    // of the answer; 0 for none
	fault  string // empty if the application was told
	last   bool   // another one would come to the same
	busy   bool   // none was made: the host of the application has a line that is full (outbound.ErrBusy)
}

// tell makes one attempt.
func (p *Provider) tell(ctx context.Context, v *idp.Logout) attempt {
	c, err := p.Clients.Get(ctx, v.ClientID)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return attempt{fault: "the client is not registered any more, or switched off", last: true}
	case err != nil:
		return attempt{fault: "the client's registration could not be read"}
	case c.BackchannelLogoutURI == "":
		return attempt{fault: "the client has no backchannel_logout_uri any more", last: true}
	}
	token, err := p.minter.Logout(ctx, c, v.UserID, v.SessionID, time.Now())
	if err != nil {
		return attempt{fault: plainFault(err)}
	}
	// Back-Channel Logout 1.0 §2.5: a form with the token and nothing else.
	body := url.Values{"logout_token": {token}}.Encode()
	answer, err := p.Outbound.Post(ctx, c.BackchannelLogoutURI, idp.MediaForm, []byte(body), nil)
	if err != nil {
		return attempt{fault: plainFault(err), busy: errors.Is(err, outbound.ErrBusy)}
	}
	// Back-Channel Logout 1.0 §2.8: 200; some frameworks make it a 204. A redirect is followed by nobody.
	if answer.Status == http.StatusOK || answer.Status == http.StatusNoContent {
		return attempt{status: answer.Status}
	}
	return attempt{status: answer.Status, fault: "the application answered with status " + strconv.Itoa(answer.Status)}
}

// settle writes down what came of an attempt, with an audit event if it was the last one.
func (p *Provider) settle(ctx context.Context, v *idp.Logout, a attempt) error {
	// The time for the attempt may be over; what came of it is written all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellPatience)
	defer cancel()
	v.Status, v.Fault = a.status, a.fault
	now := time.Now().UTC().Truncate(time.Microsecond)
	again := tellAgain()
	details := map[string]string{"attempts": strconv.Itoa(v.Attempts)}
	if v.Status != 0 {
		details["status"] = strconv.Itoa(v.Status)
	}
	event := audit.LogoutDelivered
	switch {
	case v.Fault == "":
		v.State, v.DoneAt = idp.LogoutDelivered, &now
	case a.last || v.Attempts > len(again):
		v.State, v.DoneAt = idp.LogoutFailed, &now
		event, details["fault"] = audit.LogoutFailed, v.Fault
	default:
		v.DueAt = now.Add(again[v.Attempts-1])
	}
	if v.Fault != "" {
		p.Logger.WarnContext(ctx, "an application was not told of a sign-out", slog.String("client_id", v.ClientID), slog.String("session_id", v.SessionID),
			slog.Int("attempt", v.Attempts), slog.String("fault", v.Fault), slog.Bool("given_up", v.State == idp.LogoutFailed))
	}
	err := p.Store.InTx(ctx, func(ctx context.Context) error {
		if err := p.Store.SettleLogout(ctx, v); err != nil || v.DoneAt == nil {
			return err
		}
		return p.Audit.Write(ctx, audit.Event{
			Type: event, ActorKind: audit.ActorSystem, UserID: v.UserID, ClientID: v.ClientID, SessionID: v.SessionID, Details: details,
		})
	})
	if errors.Is(err, idp.ErrNotFound) {
		return nil // the lease ended, and somebody else tells it
	}
	return err
}

// plainFault says what is wrong without the address, whose query may hold a secret of the application's.
func plainFault(err error) string {
	var at *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &at) && at.Timeout():
		return "the application did not answer in time"
	case errors.Is(err, outbound.ErrTooLarge):
		return "the application's answer is too long"
	case at != nil:
		err = at.Err
	}
	text := ascii(err.Error())
	return text[:min(len(text), faultMost)]
}
