package crossdevice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/outbound"
	"idp/internal/outbox"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/throttle"
)

// Config is what a Service needs.
type Config struct {
	Store    *store.Store
	Keyring  *secret.Keyring
	Audit    *audit.Log
	Throttle *throttle.Throttle // of guesses at user codes
	Outbound *outbound.Client   // to clients in mode ping
	Logger   *slog.Logger
	// PerNetwork is how many requests of public clients one network (IPv4 /24, IPv6 /48) may start within the life of one; 1000 if 0.
	PerNetwork int
}

// Service keeps what devices ask for until a person has decided. It is safe for concurrent use.
type Service struct {
	Config
	pings *outbox.Box[*store.Ping]
}

// New returns a service.
func New(c Config) *Service {
	if c.PerNetwork == 0 {
		c.PerNetwork = perNetwork
	}
	s := &Service{Config: c}
	s.pings = s.pingBox()
	return s
}

const (
	// deviceLife is how long a device code and its user code are good (RFC 8628 §3.2; RFC 10027 §6.1.2: short, with time to type).
	deviceLife = 10 * time.Minute
	// deviceInterval is how often a device may ask.
	deviceInterval = 5 * time.Second
	// userCodePurpose keeps the digests of user codes apart from all others.
	userCodePurpose = "user_code"
	// userCodeTries is how often another code is made when one is taken; of 20⁸ that is hardly ever.
	userCodeTries = 5
)

// How many requests may wait at once. A stranger who starts some for a public client must not fill the table, and the more codes are
// alive, the sooner one is guessed (RFC 8628 §5.1, RFC 10027 §6.1.11).
const (
	perClient  = 5000
	perAddress = 100
	perNetwork = 1000 // far below perClient: who has an IPv6 line has any number of addresses
)

// Device is what a device is told (RFC 8628 §3.2).
type Device struct {
	DeviceCode string
	UserCode   string
	ExpiresIn  time.Duration
	Interval   time.Duration
}

// Ask is what a client asks for, after its request has been checked.
type Ask struct {
	Client   *idp.Client
	Scopes   []string
	Audience []string        // of the tokens (RFC 8707)
	Details  json.RawMessage // authorization_details in one spelling (RFC 9396); nil for none
	// ACRValues are wishes for how the person signs in, in the order of preference.
	ACRValues []string
	TraceID   string
}

// StartDevice begins a device authorization.
func (s *Service) StartDevice(ctx context.Context, ask Ask, now time.Time) (*Device, error) {
	peer, now := idp.PeerOf(ctx), now.UTC().Truncate(time.Microsecond)
	p := &idp.PendingAuthorization{
		ID: idp.NewID(), Kind: idp.PendingDevice, ClientID: ask.Client.ID, Scopes: ask.Scopes, Audience: ask.Audience, Address: idp.Line(peer.Address),
		Request:  idp.PendingRequest{Address: peer.Address, UserAgent: peer.UserAgent, TraceID: ask.TraceID, ACRValues: ask.ACRValues, Details: ask.Details},
		Interval: deviceInterval, CreatedAt: now, ExpiresAt: now.Add(deviceLife),
	}
	if ask.Client.Public() { // anybody can be it
		if err := s.Throttle.Spend(ctx, "device network", idp.Network(peer.Address, 24, 48), s.PerNetwork, deviceLife); err != nil {
			return nil, err
		}
	}
	token := s.Keyring.NewToken(secret.TokenDevice, p.ID) // RFC 8628 §5.2: 256 random bits
	for range userCodeTries {
		code := newUserCode()
		keys := store.PendingKeys{Digest: token.Digest, UserCode: s.Keyring.KeyedDigest(userCodePurpose, code)}
		err := s.create(ctx, p, keys, store.PendingBounds{PerClient: perClient, PerAddress: perAddress})
		if errors.Is(err, idp.ErrConflict) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &Device{DeviceCode: token.Text, UserCode: code, ExpiresIn: deviceLife, Interval: deviceInterval}, nil
	}
	return nil, fmt.Errorf("start a device authorization: %d user codes were taken", userCodeTries)
}

// create keeps a request, if not too many wait already.
func (s *Service) create(ctx context.Context, p *idp.PendingAuthorization, keys store.PendingKeys, most store.PendingBounds) error {
	err := s.Store.CreatePending(ctx, p, keys, most)
	if errors.Is(err, idp.ErrNotFound) {
		return &idp.Error{
			Kind: idp.Throttled, Code: "too_many_pending", RetryAfter: time.Minute, Err: err,
			Message: "Too many requests wait for an answer already. Wait until some have been answered or have expired.",
		}
	}
	return err
}

// FindDevice returns the device authorization of a code that somebody typed. Guesses count for the guesser, which is a session or a
// browser, and for the address (RFC 8628 §5.1); a code that is wrong, expired or decided on is idp.ErrNotFound, and nobody learns which.
func (s *Service) FindDevice(ctx context.Context, typed, guesser string) (*idp.PendingAuthorization, error) {
	address := idp.PeerOf(ctx).Address
	if err := s.Throttle.Allow(ctx, guesser, address, false); err != nil {
		return nil, err
	}
	p, err := s.byUserCode(ctx, typed)
	if errors.Is(err, idp.ErrNotFound) {
		s.Throttle.Failed(ctx, guesser, address)
		return nil, err
	}
	// The count stays even after a right one: a code of one's own between guesses at others must not make them free.
	s.Throttle.Undecided(guesser)
	return p, err
}

func (s *Service) byUserCode(ctx context.Context, typed string) (*idp.PendingAuthorization, error) {
	code, ok := ParseUserCode(typed)
	if !ok {
		return nil, idp.ErrNotFound
	}
	for _, digest := range s.Keyring.KeyedDigests(userCodePurpose, code) {
		p, err := s.Store.PendingByUserCode(ctx, digest, time.Now())
		if !errors.Is(err, idp.ErrNotFound) {
			return p, err
		}
	}
	return nil, idp.ErrNotFound
}

// Pending returns a request that waits for a decision. One that does not any more is an error of kind Gone.
func (s *Service) Pending(ctx context.Context, id string) (*idp.PendingAuthorization, error) {
	p, err := s.Store.Pending(ctx, id, time.Now())
	if errors.Is(err, idp.ErrNotFound) {
		return nil, gone(err)
	}
	return p, err
}

// Decision is who decides, in which session.
type Decision struct {
	Session *idp.Session
	Digest  []byte // of the session's cookie
}

// Approve records that the person said yes to p's scopes, which may be fewer than were asked for, in one transaction with the consent itself and the event.
func (s *Service) Approve(ctx context.Context, p *idp.PendingAuthorization, by Decision) error {
	now := time.Now().UTC()
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.ApprovePending(ctx, p.ID, p.Scopes, by.Session, by.Digest, now); err != nil {
			return err
		}
		// What people allowed is listed, and can be taken back, in one place.
		if err := s.Store.PutGrant(ctx, by.Session.UserID, p.ClientID, p.Scopes, now); err != nil {
			return err
		}
		return s.Audit.Write(ctx, decided(p, by, audit.DeviceApproved, audit.BackchannelApproved))
	})
	if errors.Is(err, idp.ErrNotFound) {
		return gone(err)
	}
	return err
}

// Deny records that the person said no.
func (s *Service) Deny(ctx context.Context, p *idp.PendingAuthorization, by Decision) error {
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.DenyPending(ctx, p.ID, by.Session.UserID, time.Now().UTC()); err != nil {
			return err
		}
		return s.Audit.Write(ctx, decided(p, by, audit.DeviceDenied, audit.BackchannelDenied))
	})
	if errors.Is(err, idp.ErrNotFound) {
		return gone(err)
	}
	return err
}

// decided is the event of an answer.
func decided(p *idp.PendingAuthorization, by Decision, device, backchannel audit.Type) audit.Event {
	what := device
	if p.Kind == idp.PendingBackchannel {
		what = backchannel
	}
	return audit.Event{
		Type: what, ActorKind: audit.ActorUser, ActorID: by.Session.UserID, UserID: by.Session.UserID, ClientID: p.ClientID, SessionID: by.Session.ID,
		Details: map[string]string{"request": p.ID, "scopes": strings.Join(p.Scopes, " "), "asked_from": p.Request.Address, "asked_by": p.Request.UserAgent},
	}
}

func gone(err error) *idp.Error {
	return &idp.Error{
		Kind: idp.Gone, Code: "request_gone", Err: err,
		Message: "This request was answered already, or it has expired. Start again on the device.",
	}
}
