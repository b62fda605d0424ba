package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/outbound"
	"idp/internal/store"
	"idp/internal/throttle"
)

// Trust says which clients that nobody registered are taken.
type Trust string

// The trust rules.
const (
	TrustNone     Trust = "off"
	TrustHosts    Trust = "hosts"    // those of the hosts that the operator names
	TrustApproval Trust = "approval" // those, and whatever an administrator approves
	TrustAll      Trust = "open"
)

const (
	maxClientDocument = 16 << 10 // bytes (Client ID Metadata Document §6.6: bounded; 5 KB are recommended)
	maxRemembered     = 10_000   // documents; when it is reached the memory is emptied, which costs a look at each in use
	fetches           = 16       // under way at once, whoever names them
	fetchTimeout      = 6 * time.Second

	leastFresh   = time.Minute
	mostFresh    = 24 * time.Hour
	usuallyFresh = time.Hour        // where the answer does not say
	staleFor     = 24 * time.Hour   // a document whose host does not answer counts this long after it was read last
	refusedFor   = time.Minute      // a document that was refused is not read again before
	retryAfter   = 30 * time.Second // nor is one whose host did not answer
)

// Codes of clients that a document describes.
const (
	CodeDocument = "client_document_invalid"
	CodePending  = "client_pending"
	CodeUntaken  = "client_not_allowed"
)

// Refused returns what reports whether a client is one that a document describes and that the trust rule does not take, or not any more: its
// row stays, and says nothing about what an operator has decided since.
func Refused(trust Trust, hosts []string) func(*idp.Client) bool {
	d := &Documents{DocumentsConfig: DocumentsConfig{Hosts: hosts}}
	return func(c *idp.Client) bool {
		switch {
		case !c.FromDocument() || trust == TrustAll:
			return false
		case trust == TrustNone:
			return true
		}
		return (c.ManagedBy == idp.ManagedByDocument || c.ByHost) && !d.named(c.ID)
	}
}

// DocumentsConfig is what Documents needs.
type DocumentsConfig struct {
	Store    *store.Store
	Audit    *audit.Log
	Throttle *throttle.Throttle
	Outbound *outbound.Client
	Logger   *slog.Logger
	// Known returns a client from memory (directory.Clients.Get).
	Known func(ctx context.Context, id string) (*idp.Client, error)

	Trust   Trust
	Profile string   // that such a client is held to; empty for none
	Hosts   []string // ".example" stands for every host below it
	Scopes  []string // that such a client may ask for
	Most    int      // such clients that nobody here has approved
	PerHour int      // new ones of one address
	// MoreScopes are those of the operator's protected resources; may be nil.
	MoreScopes func(ctx context.Context) ([]string, error)
	// Outside does what a registration needs beyond its row (client.Service.Outside).
	Outside func(ctx context.Context, old, next *idp.Client) error
}

// Documents finds clients whose id is the address of a document (draft-ietf-oauth-client-id-metadata-document). Each is a row like every other
// client's, managed by "cimd", so that replicas, pages and tokens know it; how fresh the document is, each replica remembers for itself,
// and the row is written only when the document says something else. Safe for concurrent use.
type Documents struct {
	DocumentsConfig
	slots chan struct{}

	mu   sync.Mutex
	seen map[string]*seen
}

// seen is what is remembered of one document.
type seen struct {
	mu    sync.Mutex // held while it is read: others wait for the same answer
	until time.Time  // it counts without another look
	read  time.Time  // it was read last
	err   error      // why it was refused
}

// NewDocuments returns an empty memory of documents.
func NewDocuments(c DocumentsConfig) *Documents {
	return &Documents{DocumentsConfig: c, slots: make(chan struct{}, fetches), seen: map[string]*seen{}}
}

// Client returns the client whose id is the address of a document, reading the document if what is known of it is too old. Whoever has not been
// approved, is denied, or has a document that cannot be taken, is an *idp.Error that says so.
func (d *Documents) Client(ctx context.Context, id string) (*idp.Client, error) {
	if !idp.IsClientURL(id) || d.Trust == TrustNone {
		return nil, idp.ErrNotFound
	}
	s := d.entry(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now()
	if at.Before(s.until) {
		if s.err != nil {
			return nil, s.err
		}
		if c, err := d.Known(ctx, id); !errors.Is(err, idp.ErrNotFound) {
			return c, err
		}
	}
	c, err := d.look(ctx, id, s, at)
	if known := (*idp.Error)(nil); errors.As(err, &known) && known.Code == CodeDocument {
		s.until, s.err = at.Add(refusedFor), err
	}
	return c, err
}

func (d *Documents) entry(id string) *seen {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.seen[id]
	if s == nil {
		if len(d.seen) >= maxRemembered {
			clear(d.seen)
		}
		s = &seen{}
		d.seen[id] = s
	}
	return s
}

// look decides about a client with its row and, if need be, its document in hand.
func (d *Documents) look(ctx context.Context, id string, s *seen, at time.Time) (*idp.Client, error) {
	row, err := d.Store.Client(ctx, id)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return nil, err
	}
	if err != nil {
		row = nil
	}
	if row != nil && row.Disabled {
		return nil, idp.ErrNotFound
	}
	if row == nil || row.ManagedBy == idp.ManagedByDocument || row.ByHost {
		// Client ID Metadata Document §6: before anything is read, so that nobody makes this server call a host that it would not take a client of.
		if d.Trust == TrustHosts && !d.named(id) {
			return nil, &idp.Error{Kind: idp.Forbidden, Code: CodeUntaken, Message: "Applications of this host are not taken here. Its operator can name the host in client_documents.hosts."}
		}
	}
	if row == nil {
		if err := d.Throttle.Spend(ctx, "client documents", idp.PeerOf(ctx).Address, d.PerHour, time.Hour); err != nil {
			return nil, err
		}
	}
	next := row
	if row == nil || !at.Before(s.until) {
		fresh := retryAfter
		next, fresh, err = d.read(ctx, id, row)
		var away *unreachable
		switch {
		case err == nil:
			s.read = at
		case !errors.As(err, &away):
			return nil, err
		case row == nil || !s.read.IsZero() && at.Sub(s.read) >= staleFor:
			return nil, documentFault("The document cannot be read: its host does not answer.", away.err)
		default:
			d.Logger.WarnContext(ctx, "a client's document cannot be read; what it said last counts", slog.String("client_id", id), slog.Any("error", away.err))
			next, fresh = row, retryAfter
		}
		s.until, s.err = at.Add(fresh), nil
	}
	if next, err = d.keep(ctx, row, next); err != nil {
		return nil, err
	}
	if next.Pending {
		return nil, &idp.Error{Kind: idp.Forbidden, Code: CodePending, Message: "This application is not known here yet. An administrator must approve it first; the request for that is on record."}
	}
	return next, nil
}

// named reports whether the operator takes the applications of the id's host unseen.
func (d *Documents) named(id string) bool {
	u, err := url.Parse(id)
	if err != nil {
		return false
	}
	host := u.Hostname()
	return slices.ContainsFunc(d.Hosts, func(name string) bool {
		return name == host || strings.HasPrefix(name, ".") && strings.HasSuffix(host, name)
	})
}

// unreachable says that the host of a document did not answer as it should, which may pass.
type unreachable struct{ err error }

// Error returns the cause.
func (u *unreachable) Error() string { return u.err.Error() }

// read fetches the document and returns the client that it describes, and how long it counts.
func (d *Documents) read(ctx context.Context, id string, row *idp.Client) (*idp.Client, time.Duration, error) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	// Client ID Metadata Document §5: redirects are not followed. The address is the client's name, and another one would be somebody else's.
	// The look goes on when whoever asked goes away: else they could have the next one told that there is no document.
	away, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	answer, err := d.Outbound.GetHere(away, id, maxClientDocument)
	switch {
	case errors.Is(err, outbound.ErrRefused), errors.Is(err, outbound.ErrTooLarge):
		return nil, 0, documentFault("The document cannot be read: its host is not on the public internet, or it is too large.", err)
	case err != nil:
		return nil, 0, &unreachable{err}
	case answer.Status >= http.StatusInternalServerError || answer.Status == http.StatusTooManyRequests:
		return nil, 0, &unreachable{fmt.Errorf("the host answers %d", answer.Status)}
	case answer.Status != http.StatusOK:
		return nil, 0, documentFault(fmt.Sprintf("There is no document at the address: it answers %d.", answer.Status), nil)
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || kind != "application/json" && !(strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")) {
		return nil, 0, documentFault("The document is no application/json.", nil)
	}
	c, err := d.describe(ctx, id, answer.Body, row)
	if err != nil {
		return nil, 0, err
	}
	return c, freshness(answer.Header, time.Now()), nil
}

// describe turns a document into the client that it describes.
func (d *Documents) describe(ctx context.Context, id string, body []byte, row *idp.Client) (*idp.Client, error) {
	members, err := readMembers(body, maxClientDocument)
	if err != nil {
		return nil, documentFault("The document cannot be read: "+err.Error()+".", nil)
	}
	// Client ID Metadata Document §4: the document names the address that it lies at, to the letter, or anybody could serve somebody else's.
	if text(members["client_id"]) != id {
		return nil, documentFault("The client_id in the document is not the address of the document.", nil)
	}
	for _, name := range []string{"client_secret", "client_secret_expires_at"} {
		if _, has := members[name]; has {
			return nil, documentFault("The document holds a secret, which everybody can read. Take it out.", nil)
		}
	}
	if _, said := members[memberAuthMethod]; !said {
		members[memberAuthMethod] = json.RawMessage(`"` + idp.AuthNone + `"`)
	}
	c := &idp.Client{ID: id, Contract: idp.DefaultContract(), ManagedBy: idp.ManagedByDocument, CreatedAt: now()}
	c.UpdatedAt, c.RegisteredAt = c.CreatedAt, c.CreatedAt
	if row != nil {
		c.Contract, c.CreatedAt, c.UpdatedAt, c.ClientOrigin, c.ManagedBy = row.Contract, row.CreatedAt, row.UpdatedAt, row.ClientOrigin, row.ManagedBy
	}
	if err := read(members, c); err != nil {
		return nil, documentFault(err.Error(), nil)
	}
	if method := c.AuthMethods[0]; method != idp.AuthNone && method != "private_key_jwt" {
		// Client ID Metadata Document §4.1: nothing that rests on a shared secret.
		return nil, documentFault("The token_endpoint_auth_method of the document is neither none nor private_key_jwt.", nil)
	}
	c.GrantTypes = slices.DeleteFunc(c.GrantTypes, func(g string) bool { return g != idp.GrantAuthorizationCode && g != idp.GrantRefreshToken })
	c.ResponseTypes = slices.DeleteFunc(c.ResponseTypes, func(t string) bool { return t != idp.ResponseTypeCode })
	c.PostLogoutRedirectURIs = slices.Clone(c.PostLogoutRedirectURIs)
	if err := d.scopes(ctx, c); err != nil {
		return nil, err
	}
	d.origin(c)
	c.Profile = d.Profile
	c.ApplyDefaults()
	if row != nil {
		c.RequirePKCE = c.RequirePKCE || row.RequirePKCE
	}
	err = c.Validate()
	if err == nil {
		err = d.Outside(ctx, row, c)
	}
	if faults := idp.Faults(err); len(faults) > 0 && faults[0].Kind == idp.Invalid {
		return nil, documentFault("The document cannot be taken: "+faults[0].Message, nil)
	}
	return c, err
}

// scopes bounds what the client may ask for: what the settings say, and what the operator's protected resources have.
func (d *Documents) scopes(ctx context.Context, c *idp.Client) error {
	allowed, err := allowed(ctx, d.Scopes, d.MoreScopes)
	if err != nil {
		return err
	}
	if c.Scopes == nil {
		c.Scopes = allowed
	} else {
		c.Scopes = slices.DeleteFunc(c.Scopes, func(s string) bool { return !slices.Contains(allowed, s) })
	}
	if !slices.Contains(c.GrantTypes, idp.GrantRefreshToken) {
		c.Scopes = slices.DeleteFunc(c.Scopes, func(s string) bool { return s == idp.ScopeOfflineAccess })
	}
	if len(c.Scopes) > 100 {
		c.Scopes = c.Scopes[:100]
	}
	return nil
}

// origin says whether somebody vouches for the client: the operator by its host, or an administrator once.
func (d *Documents) origin(c *idp.Client) {
	switch named := d.named(c.ID); {
	case named && c.ManagedBy == idp.ManagedByDocument:
		c.ManagedBy, c.ByHost, c.Pending = idp.ManagedByDocumentApproved, true, false
	case !named && c.ByHost: // the operator took the host back
		c.ManagedBy, c.ByHost = idp.ManagedByDocument, false
		c.Pending = d.Trust == TrustApproval
	case !named && c.ManagedBy == idp.ManagedByDocument:
		c.Pending = d.Trust == TrustApproval
	}
}

// keep writes what the document says, if it says something else than the row, and returns what counts then.
func (d *Documents) keep(ctx context.Context, row, next *idp.Client) (*idp.Client, error) {
	if row != nil && (row == next || same(row, next)) {
		return row, nil
	}
	err := d.Store.InTx(ctx, func(ctx context.Context) error {
		event := audit.ClientUpdated
		var err error
		switch {
		case row != nil:
			next.UpdatedAt = later(row.UpdatedAt)
			err = d.Store.UpdateClient(ctx, next, row.UpdatedAt)
		case next.ManagedBy == idp.ManagedByDocument:
			event = audit.ClientRegistered
			err = d.Store.CreateClientWithin(ctx, next, d.Most)
		default:
			event = audit.ClientRegistered
			err = d.Store.CreateClient(ctx, next)
		}
		if err != nil {
			return err
		}
		details := map[string]string{"source": next.ManagedBy, "name": cut(next.Name)}
		if next.Pending {
			details["state"] = "pending"
		}
		return d.Audit.Write(ctx, audit.Event{Type: event, ActorKind: audit.ActorClient, ActorID: next.ID, ClientID: next.ID, Details: details})
	})
	if !errors.Is(err, idp.ErrConflict) {
		return next, err
	}
	// Another replica was first, or there are too many.
	won, err := d.Store.Client(ctx, next.ID)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, &idp.Error{
			Kind: idp.Throttled, Code: "temporarily_unavailable", RetryAfter: time.Hour,
			Message: "As many applications as this server keeps without knowing them are there. An administrator can approve or delete some.",
		}
	}
	return won, err
}

// freshness returns how long an answer counts (Client ID Metadata Document §5.3, RFC 9111 §4.2.1), within bounds of our own.
func freshness(h http.Header, at time.Time) time.Duration {
	fresh := usuallyFresh
	if expires, err := http.ParseTime(h.Get("Expires")); err == nil {
		fresh = expires.Sub(at)
	}
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "max-age":
			if seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
				fresh = time.Duration(min(max(seconds, 0), int64(mostFresh/time.Second))) * time.Second
			}
		case "no-store", "no-cache":
			return leastFresh
		}
	}
	return min(max(fresh, leastFresh), mostFresh)
}

func documentFault(message string, cause error) *idp.Error {
	return &idp.Error{Kind: idp.Invalid, Code: CodeDocument, Message: message, Err: cause}
}
