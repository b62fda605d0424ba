package pages

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/idp"
	"idp/internal/logctx"
	"idp/internal/session"
)

// proof is somebody who has just proved who they are.
type proof struct {
	session.SignIn
	method   string                      // for the audit log: password, upstream
	before   *session.Current            // who was signed in until now; nil for nobody
	together func(context.Context) error // what else must be true together with the session; nil for nothing
}

// signIn makes the session. One transaction holds everything that must be true together: the session (always a new one, FL-1,
// SEC-6), the step of the interaction, the event. The cookies go out only after its commit.
func (p *Pages) signIn(w http.ResponseWriter, r *http.Request, v *visit, by proof) error {
	var setCookies func(http.ResponseWriter)
	err := p.Store.InTx(r.Context(), func(ctx context.Context) error {
		if by.together != nil {
			if err := by.together(ctx); err != nil {
				return err
			}
		}
		c, set, err := p.Sessions.Create(ctx, r, by.SignIn)
		if err != nil {
			return err
		}
		setCookies = set
		if err := p.recordSignIn(ctx, v, c); err != nil {
			return err
		}
		return p.Audit.Write(ctx, by.event(v, c))
	})
	if err != nil {
		return err
	}
	setCookies(w)
	logctx.Set(r.Context(), slog.String("user_id", by.User.ID), slog.String("outcome", "signed_in"))
	return nil
}

// stillActive returns an error unless the user may sign in at this moment, and keeps them from being disabled until the
// transaction ends: a session that is made just after all others were ended would wake up when the user is enabled again.
func (p *Pages) stillActive(ctx context.Context, id string) error {
	u, err := p.Store.LockUser(ctx, id)
	if errors.Is(err, idp.ErrNotFound) || err == nil && u.State != idp.UserActive {
		return auth.Refused(err)
	}
	return err
}

// recordSignIn writes the step down for the authorization endpoint, or ends a sign-in that nobody waits for.
func (p *Pages) recordSignIn(ctx context.Context, v *visit, c *session.Current) error {
	if v.interaction == nil {
		return nil
	}
	if !v.waits() {
		return p.Interactions.Consume(ctx, v.interaction.ID)
	}
	at := c.Session.AuthTime
	return p.Interactions.Record(ctx, v.interaction, func(s *idp.Steps) {
		s.LoginAt, s.SelectedUserID, s.PendingIdentity = &at, c.User.ID, ""
	})
}

// event is login.ok, or stepup.ok where the same person proved it again.
func (by proof) event(v *visit, c *session.Current) audit.Event {
	e := audit.Event{
		Type: audit.LoginOK, ActorKind: audit.ActorUser, ActorID: c.User.ID, UserID: c.User.ID, SessionID: c.Session.ID,
		Details: map[string]string{"method": by.method, "remember": strconv.FormatBool(by.Remember)},
	}
	if by.before != nil && by.before.User.ID == c.User.ID {
		e.Type = audit.StepUpOK
	}
	if by.ProviderID != "" {
		e.Details["provider_id"] = by.ProviderID
	}
	if v.interaction != nil {
		e.ClientID = v.interaction.ClientID
	}
	return e
}

// codeOf returns the code of the first *idp.Error in err's chain.
func codeOf(err error) string {
	var known *idp.Error
	if errors.As(err, &known) {
		return known.Code
	}
	return ""
}

// waitOf returns how long err says to wait, 0 if it does not.
func waitOf(err error) time.Duration {
	var known *idp.Error
	if errors.As(err, &known) {
		return known.RetryAfter
	}
	return 0
}
