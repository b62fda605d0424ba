package registration

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
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
	// Forget takes clients out of that memory (directory.Clients.Forget): a client that was just written must be found by the page that the browser goes to next.
	Forget func(ids ...string)

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
	Now     func() time.Time // nil for the clock
}

// Documents finds clients whose id is the address of a document (draft-ietf-oauth-client-id-metadata-document). Each is a row like every other
// client's, managed by "cimd", so that replicas, pages and tokens know it; how fresh the document is, each replica remembers for itself,
// and the row is written only when the document says something else. Safe for concurrent use.
type Documents struct {
	DocumentsConfig
	since time.Time // what is in the database counts as read no later than this
	read  *outbound.Memory[*idp.Client]
}

// NewDocuments returns an empty memory of documents.
func NewDocuments(c DocumentsConfig) *Documents {
	if c.Now == nil {
		c.Now = time.Now
	}
	bounds := outbound.Bounds{Bytes: mostRemembered, Patience: fetchTimeout, Now: c.Now}
	return &Documents{DocumentsConfig: c, since: c.Now(), read: outbound.NewMemory[*idp.Client](bounds)}
}

// Client returns the client whose id is the address of a document, reading the document if what is known of it is too old. Whoever has not been
// approved, is denied, or has a document that cannot be taken, is an *idp.Error that says so.
func (d *Documents) Client(ctx context.Context, id string) (*idp.Client, error) {
	if !idp.IsClientURL(id) || d.Trust == TrustNone {
		return nil, idp.ErrNotFound
	}
	known, err := d.Known(ctx, id)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return nil, err
	}
	// Client ID Metadata Document §8.9: before anything is read, so that nobody makes this server call a host that it would not take a client of.
	if known == nil && d.Trust == TrustHosts && !d.named(id) {
		return nil, &idp.Error{Kind: idp.Forbidden, Code: CodeUntaken, Message: "Applications of this host are not taken here. Its operator can name the host in client_documents.hosts."}
	}
	look := func(ctx context.Context) (outbound.Found[*idp.Client], error) { return d.look(ctx, id) }
	said, err := d.read.Get(ctx, id, look)
	if errors.Is(err, outbound.ErrAway) && known != nil && d.Now().Sub(d.since) < stale(known) {
		return known, nil // this replica has just started, and has not read it yet
	}
	if err != nil {
		return nil, err
	}
	if known != nil {
		return newer(known, said), nil
	}
	// It is new, waits for approval, or is gone.
	row, err := d.Store.Client(ctx, id)
	if errors.Is(err, idp.ErrNotFound) {
		row, err = d.read.Newer(ctx, id, d.read.Looks(id), look)
	}
	switch {
	case err != nil:
		return nil, err
	case row.Disabled:
		return nil, idp.ErrNotFound
	case row.Pending:
		return nil, &idp.Error{Kind: idp.Forbidden, Code: CodePending, Message: "This application is not known here yet. An administrator must approve it first; the request for that is on record."}
	}
	return row, nil
}

// Returning is Client for who comes back with what it was given here: of an address that is not known nothing is read.
func (d *Documents) Returning(ctx context.Context, id string) (*idp.Client, error) {
	if _, err := d.Known(ctx, id); err != nil {
		return nil, err
	}
	return d.Client(ctx, id)
}

// Withdrawn reports whether the document at a client's id is known to say no more that there is such a client. It waits for nobody, and asks neither the
// database nor, where what is known still counts, the document's host: whoever judges an access token asks it.
func (d *Documents) Withdrawn(ctx context.Context, id string) bool {
	err := d.read.Glance(ctx, id, func(ctx context.Context) (outbound.Found[*idp.Client], error) { return d.look(ctx, id) })
	known := (*idp.Error)(nil)
	return errors.As(err, &known) && known.Code == CodeDocument && !errors.Is(err, outbound.ErrAway)
}

// newer returns what this replica has just read where its memory of clients has not heard of it yet.
func newer(known, said *idp.Client) *idp.Client {
	if said.UpdatedAt.After(known.UpdatedAt) {
		return said
	}
	return known
}

// look reads a document and keeps the client that it describes.
func (d *Documents) look(ctx context.Context, id string) (outbound.Found[*idp.Client], error) {
	var found outbound.Found[*idp.Client]
	row, err := d.Store.Client(ctx, id)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return found, err
	}
	switch {
	case err != nil:
		row = nil
		if err := d.Throttle.Spend(ctx, "client documents", idp.PeerOf(ctx).Address, d.PerHour, time.Hour); err != nil {
			return found, err
		}
	case row.Disabled:
		return found, idp.ErrNotFound
	}
	next, size, fresh, err := d.fetch(ctx, id, row)
	if err != nil {
		return d.unread(ctx, id, row, err)
	}
	next, err = d.keep(ctx, row, next)
	if err != nil {
		return found, err
	}
	if next.HasKeys() {
		fresh = min(fresh, keysFresh)
	}
	return outbound.Found[*idp.Client]{Value: next, Size: 2 * size, Fresh: fresh, Stale: stale(next)}, nil
}

// unread says how long it is remembered that a document could not be read. That there is no good one is the word of its host, and ends what it said before.
func (d *Documents) unread(ctx context.Context, id string, row *idp.Client, err error) (outbound.Found[*idp.Client], error) {
	var found outbound.Found[*idp.Client]
	known := (*idp.Error)(nil)
	switch {
	case errors.Is(err, outbound.ErrBusy):
		found.Fresh = time.Second
	case errors.Is(err, outbound.ErrAway):
		d.Logger.WarnContext(ctx, "a client's document cannot be read", slog.String("client_id", id), slog.Any("error", err))
		found.Fresh = retryAfter
		if row == nil {
			return found, documentFault("The document cannot be read: its host does not answer.", err)
		}
		err = &idp.Error{Kind: idp.Unavailable, Code: CodeDocument, RetryAfter: retryAfter, Err: err, Message: "The document of the application cannot be read: its host does not answer. Try again later."}
	case errors.As(err, &known) && known.Code == CodeDocument:
		found.Fresh = refusedFor
	}
	return found, err
}

// stale returns how long what a document said counts since it was read, if its host does not answer.
func stale(c *idp.Client) time.Duration {
	if c.HasKeys() {
		return keysStale
	}
	return staleFor
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
		details := map[string]string{"source": next.ManagedBy, "name": next.Name}
		if next.Pending {
			details["state"] = "pending"
		}
		return d.Audit.Write(ctx, audit.Event{Type: event, ActorKind: audit.ActorClient, ActorID: next.ID, ClientID: next.ID, Details: details})
	})
	if !errors.Is(err, idp.ErrConflict) {
		d.Forget(next.ID)
		return next, err
	}
	// Another replica was first, or there are too many.
	won, err := d.Store.Client(ctx, next.ID)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, &idp.Error{
			Kind: idp.Throttled, Code: idp.CodeTemporarilyUnavailable, RetryAfter: time.Hour,
			Message: "As many applications as this server keeps without knowing them are there. An administrator can approve or delete some.",
		}
	}
	return won, err
}
