package grant

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ory/fosite"

	"idp/internal/idp"
	"idp/internal/oauth/mint"
	"idp/internal/secret"
	"idp/internal/store"
)

// Pending is a grant whose client polls until a person has decided on another device: the device grant (RFC 8628 §3.4) and CIBA share it.
type Pending struct {
	chosenByName

	Kind      idp.PendingKind  // of the request that is polled for
	Token     secret.TokenKind // of what the client polls with
	Parameter string           // in which it comes: device_code, auth_req_id
	Store     *store.Store
	Keyring   *secret.Keyring
	Minter    *mint.Minter
}

var _ fosite.TokenEndpointHandler = (*Pending)(nil)

// HandleTokenEndpointRequest answers a poll: one statement says how the request stands and whether the poll came too early. Only what was
// approved is redeemed, in a transaction of its own.
func (g *Pending) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	s, form := sessionOf(r), r.GetRequestForm()
	presented := form.Get(g.Parameter)
	if presented == "" {
		return s.missing(g.Parameter, "RFC 6749 §5.2")
	}
	token, ok := g.Keyring.ParseToken(g.Token, presented)
	if !ok {
		s.Trace.Fail(idp.Check{
			Name: g.Parameter + " is one of ours", Expected: "the value that this server gave out, unchanged", Received: "another text",
			Mend: "Pass it on exactly as it came.", Clause: "RFC 6749 §5.2",
		})
		return refuse(idp.CodeInvalidGrant, "The "+g.Parameter+" is not valid.")
	}
	poll, err := g.Store.PollPending(ctx, g.Kind, token.ID, token.Digest, s.Client.ID, s.Now)
	if errors.Is(err, idp.ErrNotFound) {
		s.Trace.Fail(idp.Check{
			Name: g.Parameter + " is known", Expected: "one of this client, of the last minutes", Received: "one of another client, or one whose record is gone",
			Mend: "Poll with the client that began, and begin again when an answer says that it expired.", Clause: "RFC 6749 §5.2",
		})
		return refuse(idp.CodeInvalidGrant, "The "+g.Parameter+" is unknown, or belongs to another client.")
	}
	if err != nil {
		return err
	}
	if refused := g.judge(s, poll); refused != nil {
		return refused
	}
	// What a token cannot be for must not cost the client what the person allowed, so it is judged before anything is spent.
	if s.Resources, err = s.resourcesOfGrant(form, poll.Audience); err != nil {
		return err
	}
	if s.Details, err = s.detailsOf(form, poll.Details); err != nil {
		return err
	}
	return g.redeem(ctx, s, token, poll)
}

// judge says what a poll hears that is not to be redeemed (RFC 8628 §3.5, CIBA §11).
func (g *Pending) judge(s *Session, poll *store.PendingPoll) error {
	switch {
	// RFC 8628 §3.5: expired before anything else, or an unanswered request would be pending for ever.
	case !s.Now.Before(poll.Expires):
		s.Trace.Fail(idp.Check{Name: "request is fresh", Expected: "redeemed before " + poll.Expires.UTC().Format(time.TimeOnly), Received: s.Now.UTC().Format(time.TimeOnly), Mend: "Begin again, and poll until an answer says that it is over.", Clause: "RFC 8628 §3.5"})
		return refuse(idp.CodeExpiredToken, "Nobody answered in time, or the tokens were not fetched in time. Begin again.")
	case poll.State == idp.PendingDenied:
		s.Trace.Fail(idp.Check{
			Name: "person said yes", Expected: "allowed", Received: "denied, or all sessions of the person were ended after they allowed it",
			Mend: "Tell the person, and begin again when they ask for it.", Clause: "RFC 8628 §3.5",
		})
		return refuse(idp.CodeAccessDenied, "The person denied the request.")
	case poll.State == idp.PendingApproved:
		return nil
	case poll.State == idp.PendingRedeemed:
		return g.usedBefore(s)
	case poll.Hurried:
		s.Trace.Fail(idp.Check{
			Name: "poll comes in time", Expected: "a poll every " + poll.Interval.String() + " at most", Received: "one before that",
			Mend: "Wait for the interval between two polls, and five seconds longer after each slow_down.", Clause: "RFC 8628 §3.5",
		})
		return refuse(idp.CodeSlowDown, "The polls come too fast. Wait five seconds longer between them from now on.")
	}
	s.Trace.Pass("polled in time; the person has not answered yet")
	return refuse(idp.CodeAuthorizationPending, "The person has not answered yet.")
}

// redeem turns what was approved into an authorization, of which one poll alone wins.
func (g *Pending) redeem(ctx context.Context, s *Session, token secret.Token, poll *store.PendingPoll) error {
	if err := s.spendProof(ctx); err != nil {
		return err
	}
	contract := &s.Client.Contract
	redemption := store.PendingRedemption{
		ID: token.ID, Kind: g.Kind, Digest: token.Digest, ClientID: s.Client.ID, Request: idp.CodeRequest{TraceID: s.Trace.ID, ACRValues: poll.ACRValues, Details: poll.Details},
		// As with a code: OpenID Connect Core §11.
		Refreshable: slices.Contains(poll.Scopes, idp.ScopeOfflineAccess) && slices.Contains(s.Client.GrantTypes, idp.GrantRefreshToken),
		Expires:     s.Now.Add(contract.AccessTokenTTL.Duration()),
		BoundKey:    s.bindTo(), // RFC 9449 §5, RFC 8705 §4
	}
	refresh := secret.Token{}
	if redemption.Refreshable {
		refresh = g.Keyring.NewToken(secret.TokenRefresh, token.ID)
		redemption.RefreshDigest, redemption.RefreshIdle = refresh.Digest, s.Now.Add(contract.RefreshIdle.Duration())
		redemption.Expires, redemption.Offline = s.Now.Add(contract.RefreshMax.Duration()), !contract.EndWithSession
	}
	v, err := g.Store.RedeemPending(ctx, redemption, s.Now)
	if errors.Is(err, idp.ErrNotFound) {
		return g.explain(ctx, s, token)
	}
	if err != nil {
		return err
	}
	s.Trace.Pass(g.Parameter)
	s.Authorization, s.Scopes, s.RefreshToken = v, stillAllowed(v.Scopes, s.Client), refresh.Text
	return nil
}

// explain says why what was approved gave no tokens.
func (g *Pending) explain(ctx context.Context, s *Session, token secret.Token) error {
	f, err := g.Store.WhyNotRedeemed(ctx, token.ID)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return err
	}
	switch {
	case f == nil || f.State == idp.PendingRedeemed:
		return g.usedBefore(s)
	case f.UserState != idp.UserActive:
		s.Trace.Fail(idp.Check{
			Name: "user may sign in", Expected: "an active account", Received: string(f.UserState),
			Mend: "`idp user enable " + f.UserID + "`, if this person should have access.",
		})
		return refuse(idp.CodeAccessDenied, "The person may not sign in any more.")
	}
	s.Trace.Fail(idp.Check{
		Name: "session lives in which the request was allowed", Expected: "a session that has not ended, or the scope offline_access", Received: "a session that has ended",
		Mend: "Begin again. A device that is to outlive the person's session asks for offline_access, which the client must be allowed.", Clause: "Back-Channel Logout 1.0 §2.7",
	})
	return refuse(idp.CodeAccessDenied, "The person signed out before the tokens were fetched.")
}

// usedBefore refuses a second redemption.
func (g *Pending) usedBefore(s *Session) error {
	s.Trace.Fail(idp.Check{
		Name: g.Parameter + " is used for the first time", Expected: "one whose tokens were not fetched yet", Received: "one that was redeemed before, or at this moment",
		Mend: "Poll one after the other, and stop at the first answer that is neither authorization_pending nor slow_down.", Clause: "RFC 6749 §5.2",
	})
	return refuse(idp.CodeInvalidGrant, "The "+g.Parameter+" was used before.")
}

// PopulateTokenEndpointResponse makes the tokens.
func (g *Pending) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, resp fosite.AccessResponder) error {
	return populateForUser(ctx, g.Minter, sessionOf(r), resp)
}
