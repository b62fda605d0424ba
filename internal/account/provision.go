package account

import (
	"context"
	"errors"
	"fmt"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/upstream"
)

// provision makes an account for an upstream identity that nobody here has, in the caller's transaction.
func (s *Service) provision(ctx context.Context, p *idp.Provider, c upstream.Claims) (Outcome, error) {
	at := now()
	u := &idp.User{ID: idp.NewID(), State: idp.UserActive, Profile: fill(idp.Profile{}, c), CreatedAt: at, UpdatedAt: at}
	if c.EmailVerified {
		// An address that the upstream itself does not vouch for would only keep its owner from using it here. What this server
		// then says of it to applications is what the operator lets the upstream say.
		u.Email, u.EmailVerified = c.Email, p.TrustEmail
	}
	name, err := s.freeUsername(ctx, c.PreferredUsername)
	if err != nil {
		return Outcome{}, err
	}
	u.Username = name
	if err := s.insert(ctx, u, nil, audit.Event{Type: audit.UserCreated, Details: map[string]string{"provider": p.ID}}); err != nil {
		return Outcome{}, err
	}
	if err := s.link(ctx, p.ID, c, u.ID, "first_sign_in"); err != nil {
		return Outcome{}, err
	}
	return Outcome{User: u, Created: true}, nil
}

// reclaim gives an account whose address was never confirmed to the one who has now shown it to be theirs, emptied of
// everything that somebody else may have put into it: password, sessions, tokens, links, consents (SEC-8).
func (s *Service) reclaim(ctx context.Context, p *idp.Provider, c upstream.Claims, userID string) (Outcome, error) {
	u, err := s.Store.LockUser(ctx, userID)
	if errors.Is(err, idp.ErrNotFound) || err == nil && (u.EmailVerified || u.Email != c.Email || meet(p, c, u) != reclaim) {
		return Outcome{}, idp.ErrConflict // confirmed, changed or gone in between: look again
	}
	if err != nil {
		return Outcome{}, err
	}
	if err := s.empty(ctx, u.ID); err != nil {
		return Outcome{}, fmt.Errorf("empty user %s: %w", u.ID, err)
	}
	if u.State == idp.UserPending {
		u.Profile = idp.Profile{} // a stranger's words; an active account's may be an operator's
	}
	u.State, u.EmailVerified, u.Profile, u.UpdatedAt = idp.UserActive, true, fill(u.Profile, c), now()
	if err := s.Store.UpdateUser(ctx, u); err != nil {
		return Outcome{}, err
	}
	err = s.Audit.Write(ctx, audit.Event{Type: audit.UserUpdated, UserID: u.ID, Details: map[string]string{
		"fields": "email_verified state profile", "cause": "address_confirmed_upstream", "provider": p.ID, "discarded": "credentials sessions identities grants",
	}})
	if err != nil {
		return Outcome{}, err
	}
	if err := s.link(ctx, p.ID, c, u.ID, "address_confirmed"); err != nil {
		return Outcome{}, err
	}
	return Outcome{User: u}, nil
}

// empty takes away every way into an account and all that was allowed from it.
func (s *Service) empty(ctx context.Context, userID string) error {
	if err := s.Store.DeleteCredentials(ctx, userID); err != nil {
		return err
	}
	if err := s.Store.DeleteIdentities(ctx, userID); err != nil {
		return err
	}
	if err := s.Store.DropOnceTokens(ctx, purposeRecovery, userID); err != nil {
		return err
	}
	grants, err := s.Store.GrantsOf(ctx, userID)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if err := s.Store.RevokeGrant(ctx, userID, g.ClientID, now()); err != nil {
			return err
		}
	}
	return s.endSessions(ctx, userID, "")
}

// complete fills in what the account does not say yet and the upstream does.
func (s *Service) complete(ctx context.Context, u *idp.User, p *idp.Provider, c upstream.Claims) (*idp.User, error) {
	if sameProfile(u.Profile, fill(u.Profile, c)) {
		return u, nil
	}
	u, err := s.Store.LockUser(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	u.Profile, u.UpdatedAt = fill(u.Profile, c), now()
	if err := s.Store.UpdateUser(ctx, u); err != nil {
		return nil, err
	}
	return u, s.Audit.Write(ctx, audit.Event{Type: audit.UserUpdated, UserID: u.ID, Details: map[string]string{"fields": "profile", "provider": p.ID}})
}

// fill is the one rule for what an upstream may write (PS-13): these five, if they are empty here. Roles, state, password,
// address and its mark are never an upstream's to change.
func fill(p idp.Profile, c upstream.Claims) idp.Profile {
	for _, f := range []struct {
		field *string
		value string
		fits  func(string) bool
	}{
		{&p.Name, c.Name, oneLine},
		{&p.GivenName, c.GivenName, oneLine},
		{&p.FamilyName, c.FamilyName, oneLine},
		{&p.Picture, c.Picture, webAddress},
		{&p.Locale, c.Locale, locale},
	} {
		if *f.field == "" && f.value != "" && f.fits(f.value) {
			*f.field = f.value
		}
	}
	return p
}
