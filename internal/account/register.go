package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/throttle"
)

// Registration says whether people may make accounts for themselves, and how many.
type Registration struct {
	Open       bool
	Throttle   *throttle.Throttle
	PerAddress int // tries from one address in an hour
	Total      int // tries from everywhere in an hour, but for the first ones of each network
}

// CodeRegistrationClosed is the code of every registration where only operators make accounts.
const CodeRegistrationClosed = "registration_closed"

// Applicant is what somebody typed who wants an account of their own.
type Applicant struct {
	Email    string
	Username string // may be empty
	Password string
}

// Candidate is an account that somebody makes for themselves: judged, hashed, and not there yet.
type Candidate struct {
	User *idp.User

	accounts   *Service
	credential *idp.Credential
}

// Apply judges what somebody typed and hashes their password. Whether a name is taken it does not ask: that is Insert's to find out, so that a taken name
// and a free one take the same work, and of two who want it at once one gets it. Its errors are those of Create, Throttled, and the Unavailable of a full
// queue.
func (s *Service) Apply(ctx context.Context, a Applicant) (*Candidate, error) {
	if !s.Registration.Open {
		return nil, &idp.Error{Kind: idp.NotFound, Code: CodeRegistrationClosed, Message: "Accounts are made by the operator here. Ask them for one."}
	}
	u, err := NewUser{Email: a.Email, Username: a.Username}.user(now())
	if err == nil && a.Email == "" {
		err = idp.Invalidf("email", "The e-mail address is missing.")
	}
	if err != nil {
		// The password is judged with it: whoever mends one thing should not hear of the next only then.
		return nil, errors.Join(err, s.Policy.Check(a.Password, a.Email, a.Username, s.Brand))
	}
	if err := errors.Join(checkOwnUsername(u.Username), s.judge(u, a.Password)); err != nil {
		return nil, err
	}
	if err := s.spend(ctx); err != nil {
		return nil, err
	}
	hash, err := s.hashNew(ctx, a.Password)
	if err != nil {
		return nil, err
	}
	return &Candidate{User: u, accounts: s, credential: credential(u, secret.SchemeOwn, hash)}, nil
}

// How much a network of many addresses may try, in addresses' worth; and its first tries, of which there is a total of their own.
const (
	addressesNear = 4  // of a network that one party may have (IPv4 /24, IPv6 /48)
	addressesWide = 16 // of one that a provider may have (IPv4 /16, IPv6 /32)
	firstTries    = 3  // of a near network
	firstTotals   = 10 // how often the total they fit into theirs
)

// spend counts a try. There is no mail yet with which a taken address could be told to its owner alone, so each try that comes this far learns whether
// its names are taken (FS-15, SEC-18): one address, the networks around it, and all together, may learn so much in an hour and no more. What is refused
// for a smaller network does not count for a wider one. Who has many addresses keeps nobody else out: when they have used up the total, networks that hardly
// tried still may.
func (s *Service) spend(ctx context.Context) error {
	r, address := s.Registration, idp.PeerOf(ctx).Address
	if err := r.Throttle.Spend(ctx, "account", address, r.PerAddress, time.Hour); err != nil {
		return err
	}
	near, err := r.Throttle.Count(ctx, "account near", idp.Network(address, 24, 48), time.Hour)
	if err != nil {
		return err
	}
	if near > int64(r.PerAddress)*addressesNear {
		return throttle.Spent("your network", time.Hour)
	}
	wide, err := r.Throttle.Count(ctx, "account wide", idp.Network(address, 16, 32), time.Hour)
	if err != nil {
		return err
	}
	if wide > int64(r.PerAddress)*addressesWide {
		return throttle.Spent("your network", time.Hour)
	}
	of, most := "accounts", r.Total
	if near <= firstTries {
		of, most = "accounts first", r.Total*firstTotals
	}
	total, err := r.Throttle.Count(ctx, of, "", time.Hour)
	if err != nil {
		return err
	}
	if total > int64(most) {
		return throttle.Spent("everywhere", time.Hour)
	}
	return nil
}

// Insert makes the account, in the transaction that signs the person in. Refused says why it failed. The address stays unconfirmed: when there is mail, the
// account begins as idp.UserPending where the operator wants that, and the link is written here, in the same transaction.
func (c *Candidate) Insert(ctx context.Context) error {
	return c.accounts.insert(ctx, c.User, c.credential, audit.Event{
		Type: audit.UserCreated, ActorKind: audit.ActorUser, ActorID: c.User.ID, Details: map[string]string{"by": "registration"},
	})
}

// Refused turns the error of the transaction around Insert into a Conflict that names what is taken, and records it: an operator sees who is asked for.
// It is called after that transaction ended.
func (c *Candidate) Refused(ctx context.Context, err error) error {
	if !errors.Is(err, idp.ErrConflict) {
		return err
	}
	owner, refusal, lookup := c.accounts.owner(ctx, c.User)
	if lookup != nil {
		return fmt.Errorf("find whose name was asked for: %w", lookup)
	}
	if refusal == nil {
		return err
	}
	refusal.Err = err
	if err := c.accounts.Audit.Write(ctx, audit.Event{Type: audit.UserNotCreated, UserID: owner.ID, Details: map[string]string{"cause": refusal.Code}}); err != nil {
		return fmt.Errorf("record a refused registration: %w", err)
	}
	return refusal
}
