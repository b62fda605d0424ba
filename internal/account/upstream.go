package account

import (
	"context"
	"errors"
	"fmt"

	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/idp"
	"idp/internal/upstream"
)

// Codes of the refusals of an upstream sign-in, beside auth.CodeLoginFailed.
const (
	CodeNoAccount     = "upstream_no_account"     // nobody here, and the provider may not make accounts
	CodeAddressInUse  = "upstream_address_in_use" // a local account has the address, and this provider links none
	CodeIdentityTaken = "identity_taken"          // the upstream account is linked to somebody else
	CodeLastWayIn     = "last_way_in"             // without it nothing would let the user in
	CodePendingGone   = "pending_identity_gone"   // proof came too late, or for another account
)

// Outcome is what an upstream sign-in comes to: exactly one of User, NeedsProof and Refused is set.
type Outcome struct {
	User       *idp.User // signed in; the caller makes the session and writes login.ok
	Created    bool      // the account is new
	NeedsProof *Proof
	Refused    *idp.Error // to be shown; already recorded
}

// Proof is asked for when an upstream identity is new here but its address belongs to an account: only who proves that
// account may link the two (FD-15, PS-9).
type Proof struct {
	User        *idp.User // whose password is to be proved, by auth.Password.ProveUser
	HasPassword bool      // without one, only another identity that is linked already can prove it
	Pending     string    // the sealed upstream identity, for idp.Steps.PendingIdentity and LinkIdentity
}

// attempts bounds how often a sign-in that lost a race is tried again. The loser of a first sign-in finds the winner's link at
// the second try; more are needed only if a third party moves the address meanwhile.
const attempts = 8

// SignInUpstream decides what a verified upstream identity means here. The identity is (issuer, subject) byte for byte and never
// the address (PS-4, SEC-15); an address alone never opens an account (SEC-7). claims come from upstream.Provider.Finish.
func (s *Service) SignInUpstream(ctx context.Context, p *idp.Provider, c upstream.Claims) (Outcome, error) {
	if c.Issuer == "" || c.Subject == "" || c.Issuer != p.Issuer {
		return Outcome{}, fmt.Errorf("sign in with %s: the claims are not of this provider", p.ID)
	}
	var out Outcome
	var err error
	for range attempts {
		err = s.Store.InTx(ctx, func(ctx context.Context) (err error) {
			out, err = s.signInUpstream(ctx, p, c)
			return err
		})
		// PS-11: of parallel first sign-ins one inserts the link, the others meet its unique key, and find it when they look again.
		if !errors.Is(err, idp.ErrConflict) {
			break
		}
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("sign in with %s: %w", p.ID, err)
	}
	return out, nil
}

// signInUpstream is one try, in one transaction.
func (s *Service) signInUpstream(ctx context.Context, p *idp.Provider, c upstream.Claims) (Outcome, error) {
	identity, err := s.Store.IdentityBySubject(ctx, c.Issuer, c.Subject)
	if err == nil {
		return s.returns(ctx, p, c, identity)
	}
	if !errors.Is(err, idp.ErrNotFound) {
		return Outcome{}, err
	}
	if c.Email != "" {
		local, err := s.Store.UserByIdentifier(ctx, c.Email)
		if err == nil {
			// PostgreSQL shows each statement what was committed before it: the account may be one that a parallel first sign-in has
			// made since the link was looked for. Its link came with it, so a second look tells.
			if identity, err := s.Store.IdentityBySubject(ctx, c.Issuer, c.Subject); err == nil {
				return s.returns(ctx, p, c, identity)
			} else if !errors.Is(err, idp.ErrNotFound) {
				return Outcome{}, err
			}
			return s.meets(ctx, p, c, local)
		}
		if !errors.Is(err, idp.ErrNotFound) {
			return Outcome{}, err
		}
	}
	if !p.Provision {
		return s.refuse(ctx, p, "", "no_account", &idp.Error{
			Kind: idp.Forbidden, Code: CodeNoAccount,
			Message: fmt.Sprintf("There is no account here for this %s account. Ask the operator for one, or use another way to sign in.", p.Name),
		})
	}
	return s.provision(ctx, p, c)
}

// returns signs in somebody whose identity is linked.
func (s *Service) returns(ctx context.Context, p *idp.Provider, c upstream.Claims, identity *idp.Identity) (Outcome, error) {
	u, err := s.Store.User(ctx, identity.UserID)
	if errors.Is(err, idp.ErrNotFound) {
		return Outcome{}, idp.ErrConflict // deleted in between, with the link: look again
	}
	if err != nil {
		return Outcome{}, err
	}
	if u.State != idp.UserActive {
		return s.refuse(ctx, p, u.ID, "not_active", auth.Refused(nil))
	}
	if err := s.Store.TouchIdentity(ctx, identity.ID, c.Email, now()); err != nil {
		return Outcome{}, err
	}
	u, err = s.complete(ctx, u, p, c)
	return Outcome{User: u}, err
}

// meeting is what happens when a new identity comes with the address of a local account.
type meeting int

const (
	prove   meeting = iota // ask for proof of the local account
	link                   // both sides are certain, and the operator wants it
	reclaim                // nobody ever showed the local account's address to be theirs; now somebody has
	inUse                  // this provider links nothing
	closed                 // the account is disabled, or waits for a confirmation that this provider may not give
)

// meet decides it, from facts alone. Everything that falls short of certainty comes to prove.
func meet(p *idp.Provider, c upstream.Claims, local *idp.User) meeting {
	// EmailAuthoritative is all of: the operator trusts the provider with addresses, it says verified in the right form, and it
	// answers for this address today (SEC-7).
	certain := c.EmailVerified && c.EmailAuthoritative && p.TrustEmail
	if !local.EmailVerified && certain && len(local.Roles) == 0 && local.State != idp.UserDisabled {
		// SEC-8: perhaps somebody registered a stranger's address and waits. An account with roles was given them by an operator
		// and is nobody's trap; one that is active may be wanted, so this provider's policy counts.
		switch {
		case local.State == idp.UserPending && p.Provision, local.State == idp.UserActive && p.Linking != idp.LinkNever:
			return reclaim
		case local.State == idp.UserPending:
			return closed
		}
	}
	switch p.Linking {
	case idp.LinkNever:
		return inUse
	case idp.LinkAutomatic:
		if certain && local.EmailVerified {
			if local.State != idp.UserActive {
				return closed
			}
			return link
		}
	}
	return prove
}

func (s *Service) meets(ctx context.Context, p *idp.Provider, c upstream.Claims, local *idp.User) (Outcome, error) {
	switch meet(p, c, local) {
	case link:
		if err := s.link(ctx, p.ID, c, local.ID, "automatic"); err != nil {
			return Outcome{}, err
		}
		u, err := s.complete(ctx, local, p, c)
		return Outcome{User: u}, err
	case reclaim:
		return s.reclaim(ctx, p, c, local.ID)
	case inUse:
		return s.refuse(ctx, p, local.ID, "linking_never", &idp.Error{
			Kind: idp.Conflict, Code: CodeAddressInUse,
			Message: fmt.Sprintf("There is an account with this address already, and %s accounts are not linked to it. Sign in the way you did before.", p.Name),
		})
	case closed:
		return s.refuse(ctx, p, local.ID, "not_active", auth.Refused(nil))
	}
	// A disabled account comes here too: its proof fails as a wrong password does (PS-24).
	login, err := s.Store.PasswordOf(ctx, local.ID)
	if errors.Is(err, idp.ErrNotFound) {
		return Outcome{}, idp.ErrConflict // deleted in between: look again
	}
	if err != nil {
		return Outcome{}, err
	}
	sealed, err := s.seal(p, c, local.ID)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{NeedsProof: &Proof{User: local, HasPassword: login.Credential != nil, Pending: sealed}}, nil
}

// refuse records a refusal. Its row is committed: nothing else was written.
func (s *Service) refuse(ctx context.Context, p *idp.Provider, userID, cause string, refusal *idp.Error) (Outcome, error) {
	err := s.Audit.Write(ctx, audit.Event{Type: audit.IdentityRefused, UserID: userID, Details: map[string]string{"provider": p.ID, "cause": cause}})
	return Outcome{Refused: refusal}, err
}
