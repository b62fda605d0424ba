package account

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"idp/internal/audit"
	"idp/internal/idp"
)

// Change is what shall be different about a user; nil leaves a field as it is. A new address is unverified unless
// EmailVerified says otherwise.
type Change struct {
	Email         *string
	EmailVerified *bool
	Username      *string
	Profile       *idp.Profile // in place of the whole old one
	Roles         *[]string

	KeepSession string // stays when a new address ends all others; empty: none
}

// Update changes a user. A new address ends all sessions (FL-15): whoever could be reached at the old one may not be the
// owner any more. A change that changes nothing writes nothing.
func (s *Service) Update(ctx context.Context, id string, c Change) (*idp.User, error) {
	return s.UpdateFrom(ctx, id, func(*idp.User) (Change, error) { return c, nil })
}

// UpdateFrom is Update for a change that depends on what the user is: change sees the user when nobody else can alter them, so that of two changes at once
// the second one builds on the first.
func (s *Service) UpdateFrom(ctx context.Context, id string, change func(*idp.User) (Change, error)) (*idp.User, error) {
	var u *idp.User
	err := s.Store.InTx(ctx, func(ctx context.Context) (err error) {
		if u, err = s.Store.LockUser(ctx, id); err != nil {
			return err
		}
		old := *u
		c, err := change(&old)
		if err != nil {
			return err
		}
		if err := c.apply(u); err != nil {
			return err
		}
		changed := differences(&old, u)
		if len(changed) == 0 {
			return nil
		}
		u.UpdatedAt = now()
		if err := s.Store.UpdateUser(ctx, u); err != nil {
			return err
		}
		if old.Email != u.Email {
			if err := s.endSessions(ctx, id, c.KeepSession); err != nil {
				return err
			}
		}
		// The names of the fields only: an audit log is kept longer than a person's data may be.
		return s.Audit.Write(ctx, audit.Event{Type: audit.UserUpdated, UserID: id, Details: map[string]string{"fields": strings.Join(changed, " ")}})
	})
	if err != nil {
		if u != nil {
			err = s.taken(ctx, u, err)
		}
		return nil, fmt.Errorf("update user %s: %w", id, err)
	}
	return u, nil
}

func (c Change) apply(u *idp.User) error {
	var faults []error
	if c.Email != nil {
		old := u.Email
		faults = append(faults, setEmail(u, *c.Email))
		if u.Email != old {
			u.EmailVerified = false
		}
	}
	if c.EmailVerified != nil {
		u.EmailVerified = *c.EmailVerified
	}
	if u.EmailVerified && u.Email == "" {
		faults = append(faults, idp.Invalidf("email_verified", "There is no e-mail address that could be verified. Give one, or leave the mark out."))
	}
	if c.Username != nil {
		faults = append(faults, setUsername(u, *c.Username))
	}
	if c.Profile != nil {
		faults = append(faults, checkProfile(*c.Profile))
		u.Profile = *c.Profile
	}
	if c.Roles != nil {
		faults = append(faults, setRoles(u, *c.Roles))
	}
	return errors.Join(faults...)
}

// differences names the fields in which two users differ, but for their times, in the words of an import file.
func differences(a, b *idp.User) []string {
	var fields []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"sub", a.ID == b.ID},
		{"email", a.Email == b.Email},
		{"email_verified", a.EmailVerified == b.EmailVerified},
		{"username", a.Username == b.Username},
		{"state", a.State == b.State},
		{"roles", slices.Equal(a.Roles, b.Roles)},
		{"profile", sameProfile(a.Profile, b.Profile)},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// sameProfile compares what would be stored: an attribute 1 equals one read back as 1.0.
func sameProfile(a, b idp.Profile) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
