package interaction

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
	"idp/internal/throttle"
)

const (
	// perBrowser is how many requests one browser may have waiting; an older one makes way (SEC-23).
	perBrowser = 16
	// maxParams bounds what a stranger can make us keep. Real requests have a few hundred bytes.
	maxParams = 16 << 10
	// defaultLifetime of an interaction.
	defaultLifetime = 10 * time.Minute
)

// Config is what a Service needs.
type Config struct {
	Store    *store.Store
	Issuer   string        // without a trailing slash; may have a path
	Lifetime time.Duration // 10 minutes if 0
	Starts   int           // how many one address may begin in a minute, a fifth of them at once; no bound if 0
}

// Service keeps protocol requests while a person does something about them. It is safe for concurrent use.
type Service struct {
	store    *store.Store
	issuer   string
	lifetime time.Duration
	starts   *throttle.Rate // by address, whatever cookies it sends: a browser cookie costs nobody anything
}

// New returns a service.
func New(c Config) *Service {
	if c.Lifetime <= 0 {
		c.Lifetime = defaultLifetime
	}
	return &Service{store: c.Store, issuer: c.Issuer, lifetime: c.Lifetime, starts: throttle.NewRate(c.Starts)}
}

// Begin is what an interaction starts with.
type Begin struct {
	Kind     idp.InteractionKind
	ClientID string
	Params   string // the request's parameters, form-encoded
	Browser  []byte // digest of the browser cookie (session.Manager.Browser)
	TraceID  string
	Steps    idp.Steps // what is known already, such as the reason of the first step
}

// Begin keeps a request for the browser that sent it. Of one browser at most 16 wait; the oldest makes way. Of one address, which
// may have any number of browsers, no more begin than Starts allows (SEC-23).
func (s *Service) Begin(ctx context.Context, b Begin) (*idp.Interaction, error) {
	if len(b.Browser) != sha256.Size {
		// An interaction that is bound to nobody would be anybody's.
		return nil, fmt.Errorf("begin interaction: the browser digest has %d bytes, want %d", len(b.Browser), sha256.Size)
	}
	if len(b.Params) > maxParams {
		return nil, &idp.Error{Kind: idp.Invalid, Code: "request_too_large", Message: fmt.Sprintf(
			"The application's request is longer than %d bytes. Its developer should send fewer or shorter parameters.", maxParams)}
	}
	now := time.Now().UTC().Truncate(time.Microsecond) // as the database keeps it
	if wait := s.starts.WaitAt(idp.PeerOf(ctx).Address, now); wait > 0 {
		return nil, &idp.Error{
			Kind: idp.Throttled, Code: "too_many_sign_ins", RetryAfter: wait,
			Message: "More sign-ins begin from this address at once than the server takes. Wait a moment and try again.",
		}
	}
	i := &idp.Interaction{
		ID: idp.NewID(), Kind: b.Kind, BrowserDigest: b.Browser, ClientID: b.ClientID, Params: b.Params, Steps: b.Steps,
		TraceID: b.TraceID, CreatedAt: now, ExpiresAt: now.Add(s.lifetime),
	}
	if err := s.store.CreateInteraction(ctx, i, perBrowser); err != nil {
		return nil, fmt.Errorf("begin interaction: %w", err)
	}
	return i, nil
}

// Load returns a live interaction that this browser began. Another browser's is as gone as an expired one: whoever was sent
// somebody's link learns nothing and cannot sign in for them.
func (s *Service) Load(ctx context.Context, id string, browser []byte) (*idp.Interaction, error) {
	// What cannot be an id never reaches the database, which refuses some bytes.
	if _, ok := idp.DecodeID(id); !ok || len(browser) != sha256.Size {
		return nil, gone(nil)
	}
	i, err := s.store.Interaction(ctx, id, browser, time.Now())
	if errors.Is(err, idp.ErrNotFound) {
		return nil, gone(err)
	}
	if err != nil {
		return nil, fmt.Errorf("load interaction %s: %w", id, err)
	}
	return i, nil
}

// Record writes down what the person did, in the caller's transaction. change gets a copy; i has the new steps when Record
// returns nil.
func (s *Service) Record(ctx context.Context, i *idp.Interaction, change func(*idp.Steps)) error {
	steps := i.Steps
	change(&steps)
	err := s.store.RecordSteps(ctx, i.ID, steps, time.Now())
	if errors.Is(err, idp.ErrNotFound) {
		return gone(err)
	}
	if err != nil {
		return fmt.Errorf("record steps of interaction %s: %w", i.ID, err)
	}
	i.Steps = steps
	return nil
}

// Consume ends an interaction, in the transaction that answers its request. Only one of two tabs succeeds; the other gets an
// error of kind Gone.
func (s *Service) Consume(ctx context.Context, id string) error {
	err := s.store.ConsumeInteraction(ctx, id)
	if errors.Is(err, idp.ErrNotFound) {
		return &idp.Error{
			Kind: idp.Gone, Code: "interaction_used", Err: err,
			Message: "This sign-in was finished already, perhaps in another tab. Go back to the application; if you are not signed in there, start again from it.",
		}
	}
	if err != nil {
		return fmt.Errorf("consume interaction %s: %w", id, err)
	}
	return nil
}

// PageURL returns the address of the page for a step.
func (s *Service) PageURL(step Step, id string) string {
	switch step {
	case Create:
		return s.url("/register", id)
	case Login:
		return s.url("/login", id)
	case SelectAccount:
		return s.url("/select", id)
	case Consent:
		return s.url("/consent", id)
	}
	return s.ResumeURL(id) // there is no page for it: the protocol goes on
}

// ResumeURL returns the address where the protocol goes on after a page.
func (s *Service) ResumeURL(id string) string { return s.url("/oauth2/authorize/resume", id) }

func (s *Service) url(path, id string) string {
	return s.issuer + path + "?i=" + url.QueryEscape(id)
}

func gone(err error) *idp.Error {
	return &idp.Error{
		Kind: idp.Gone, Code: "interaction_gone", Err: err,
		Message: "This page has expired, or it was opened in another browser. Go back to the application and sign in from there again.",
	}
}
