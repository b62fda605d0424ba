package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/throttle"
)

// Config names what checking passwords needs.
type Config struct {
	Store    *store.Store
	Hasher   *secret.Hasher
	Throttle *throttle.Throttle
	Audit    *audit.Log
	Logger   *slog.Logger
}

// Password checks passwords. Safe for concurrent use.
type Password struct {
	Config
	throttled *rate.Limiter // of events that cost an outsider nothing
}

// throttledBurst and the limiter's one per second bound how many login.throttled events a flood can write: being refused takes
// no work, so nothing else would slow it down.
const throttledBurst = 20

// NewPassword returns a checker.
func NewPassword(c Config) *Password {
	return &Password{Config: c, throttled: rate.NewLimiter(rate.Every(time.Second), throttledBurst)}
}

// Attempt is what somebody typed into the sign-in form.
type Attempt struct {
	Identifier  string // an e-mail address or a username
	Password    string
	KnownDevice func(userID string) bool // whether this browser signed in as the user before; nil: never
}

// Causes of a failure, for the audit log only: the answer is one and the same.
const (
	unknownUser   = "unknown_user"
	noPassword    = "no_password"
	wrongPassword = "wrong_password"
	damagedHash   = "damaged_hash"
	notActive     = "not_active"
)

// Verify is Prove for callers that make nothing lasting of the proof.
func (p *Password) Verify(ctx context.Context, a Attempt) (*idp.User, error) {
	proof, err := p.Prove(ctx, a)
	if err != nil {
		return nil, err
	}
	return proof.User, nil
}

// Prove proves to be the user whose identifier and password these are. Every wrong cause is one *idp.Error of kind Unauthenticated
// (Refused), after the same work: who does not exist, has no password or is disabled cannot be told from a wrong password
// (FS-15, PS-24). A password that no hash may see is idp.Invalid before anything is looked up; others are Throttled and
// Unavailable. The caller makes the session together with Proof.Stands, and writes login.ok.
func (p *Password) Prove(ctx context.Context, a Attempt) (*Proof, error) {
	// FB-3, FB-5: judged by what was typed alone, so the answer says nothing about anybody.
	if _, err := secret.NormalizePassword(a.Password); err != nil {
		return nil, err
	}
	canonical := canonicalIdentifier(a.Identifier)
	login, err := p.Store.PasswordLogin(ctx, canonical)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return nil, fmt.Errorf("find a user to sign in: %w", err)
	}
	if err != nil {
		login = nil
	}
	known := login != nil && a.KnownDevice != nil && a.KnownDevice(login.User.ID)
	// The throttle counts by what was typed, not by whom it finds: else a name that is slowed down together with an address
	// would tell that both are one person's.
	return p.verify(ctx, login, try{account: "login:" + canonical, password: a.Password, known: known, purpose: "login"})
}

// VerifyUser is ProveUser for callers that make nothing lasting of the proof.
func (p *Password) VerifyUser(ctx context.Context, user *idp.User, password string) error {
	_, err := p.ProveUser(ctx, user, password)
	return err
}

// ProveUser proves again that somebody is user: before a sensitive step, or before an upstream identity is linked to their
// account. It looks at the account as it is now, and answers as Prove does.
func (p *Password) ProveUser(ctx context.Context, user *idp.User, password string) (*Proof, error) {
	if _, err := secret.NormalizePassword(password); err != nil {
		return nil, err
	}
	login, err := p.Store.PasswordOf(ctx, user.ID)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return nil, fmt.Errorf("find user %s to prove: %w", user.ID, err)
	}
	if err != nil {
		login = nil
	}
	return p.verify(ctx, login, try{account: "proof:" + user.ID, password: password, purpose: "proof"})
}

// try is one password to be judged.
type try struct {
	account  string // under which the throttle counts
	password string
	known    bool
	purpose  string
}

func (p *Password) verify(ctx context.Context, login *store.PasswordLogin, t try) (*Proof, error) {
	address := idp.PeerOf(ctx).Address
	if err := p.Throttle.Allow(ctx, t.account, address, t.known); err != nil {
		return nil, p.slowedDown(ctx, login, t, err)
	}
	cause, rehash, err := p.judge(ctx, login, t.password)
	if err != nil {
		return nil, err
	}
	if cause != "" {
		return nil, p.failed(ctx, login, t, cause)
	}
	p.Throttle.Succeeded(ctx, t.account)
	if rehash {
		p.rehash(ctx, login, t.password)
	}
	return &Proof{User: login.User, store: p.Store, secret: login.Credential.Secret}, nil
}

// judge does the work of one hash in every case and returns why the try is refused, or "".
func (p *Password) judge(ctx context.Context, login *store.PasswordLogin, password string) (cause string, rehash bool, err error) {
	if login == nil || login.Credential == nil {
		if err := p.Hasher.VerifyNobody(ctx, password); err != nil {
			return "", false, err
		}
		if login == nil {
			return unknownUser, false, nil
		}
		return noPassword, false, nil
	}
	c := login.Credential
	r, err := p.Hasher.Verify(ctx, secret.Scheme(c.Scheme), c.Secret, password)
	if err != nil {
		return "", false, err
	}
	switch {
	case r.Damaged:
		// FB-2: a wrong password to whoever typed it, one line without the value for the operator.
		p.Logger.ErrorContext(ctx, "a stored password hash cannot be read; the user must get a new password",
			slog.String("user_id", login.User.ID), slog.String("credential_id", c.ID), slog.String("panic", r.Panic))
		return damagedHash, false, nil
	case !r.OK:
		if c.Scheme != "" {
			// A foreign hash can be a thousand times cheaper than ours: alone, its quick "wrong" would tell who was imported.
			if err := p.Hasher.VerifyNobody(ctx, password); err != nil {
				return "", false, err
			}
		}
		return wrongPassword, false, nil
	case login.User.State != idp.UserActive:
		return notActive, false, nil
	}
	return "", r.Rehash, nil
}

func (p *Password) failed(ctx context.Context, login *store.PasswordLogin, t try, cause string) error {
	p.Throttle.Failed(ctx, t.account, idp.PeerOf(ctx).Address)
	if err := p.Audit.Write(ctx, event(audit.LoginFailed, login, map[string]string{"method": "password", "purpose": t.purpose, "cause": cause})); err != nil {
		return fmt.Errorf("record a failed sign-in: %w", err)
	}
	return Refused(nil)
}

// slowedDown records that the throttle refused a try, and returns its error.
func (p *Password) slowedDown(ctx context.Context, login *store.PasswordLogin, t try, refusal error) error {
	if idp.KindOf(refusal) != idp.Throttled || !p.throttled.Allow() {
		return refusal
	}
	if err := p.Audit.Write(ctx, event(audit.LoginThrottled, login, map[string]string{"method": "password", "purpose": t.purpose})); err != nil {
		return fmt.Errorf("record a throttled sign-in: %w", err)
	}
	return refusal
}

func event(kind audit.Type, login *store.PasswordLogin, details map[string]string) audit.Event {
	e := audit.Event{Type: kind, Details: details}
	if login != nil {
		e.UserID = login.User.ID
	}
	return e
}

// rehash replaces a hash that was made by somebody else or with older parameters (FB-1, FB-8), now that the password is known.
// Nothing here may fail the sign-in: the old hash still works, and the next sign-in tries again.
func (p *Password) rehash(ctx context.Context, login *store.PasswordLogin, password string) {
	scheme, _, _ := strings.Cut(login.Credential.Scheme, ":") // behind the colon is a site's salt
	hash, err := p.Hasher.Hash(ctx, password)
	if err == nil {
		err = p.Store.InTx(ctx, func(ctx context.Context) error {
			if err := p.Store.RehashPassword(ctx, login.Credential.ID, login.Credential.Secret, hash, time.Now()); err != nil {
				return err
			}
			return p.Audit.Write(ctx, event(audit.PasswordRehashed, login, map[string]string{"scheme": scheme}))
		})
	}
	if err == nil {
		login.Credential.Secret = hash // which is what the proof goes by
	}
	if err != nil && !errors.Is(err, idp.ErrConflict) { // a conflict: the password was changed meanwhile, or another tab was first
		p.Logger.WarnContext(ctx, "a password hash was not renewed", slog.String("user_id", login.User.ID), slog.Any("error", err))
	}
}
