package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/outbound"
	"idp/internal/secret"
	"idp/internal/store"
)

const maxOverlap = 90 * 24 * time.Hour

const codeChanged = "changed_meanwhile" // somebody else wrote between our reading and our writing

// Config is what a Service needs; every field is required.
type Config struct {
	Store   *store.Store
	Keyring *secret.Keyring
	Audit   *audit.Log
	Issuer  string
	Logger  *slog.Logger
	// Contexts are the authentication contexts that there are here.
	Contexts idp.AuthenticationContexts
	// Outbound reads the sector documents that registrations name.
	Outbound *outbound.Client
	// EnsureKeys makes the keys of this server that a client needs and that are not there yet (keys.Manager.Ensure).
	EnsureKeys func(ctx context.Context, algs ...string) error
}

// Service is the use cases. It is safe for concurrent use.
type Service struct {
	Config
	sectors *outbound.Memory[[]string]
}

// New returns the use cases over a store.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Keyring == nil || c.Audit == nil || c.Logger == nil || c.Issuer == "" || c.Outbound == nil || c.EnsureKeys == nil {
		return nil, errors.New("client: Store, Keyring, Audit, Issuer, Logger, Outbound and EnsureKeys are needed")
	}
	return &Service{Config: c, sectors: sectors()}, nil
}

// SecretOptions says where a new client's secret comes from.
type SecretOptions struct {
	Generate bool   // make one, and return it: it is shown this once
	Bring    string // take this one; it must be as good as random
}

// Guard says why an existing client may not be changed, or nil. It runs in the transaction of the change.
type Guard func(*idp.Client) error

// NotManaged refuses to change a client that is kept in a file, or described by a document: the next apply, or the next look at the document, would
// undo it.
func NotManaged(c *idp.Client) error {
	switch {
	case c.ManagedBy == "" || c.Registered():
		return nil
	case c.FromDocument():
		return &idp.Error{
			Kind: idp.Conflict, Code: "managed_by_document",
			Message: fmt.Sprintf("The client %s is what the document at that address says, and the next look at it would undo the change. Use `idp client approve` or `idp client deny`, or force it.", c.ID),
		}
	}
	return &idp.Error{
		Kind: idp.Conflict, Code: "managed_by_file",
		Message: fmt.Sprintf("The client %s is kept in files (%s), and the next apply would undo the change. Change the file, or force it.", c.ID, c.ManagedBy),
	}
}

// Create registers c under its id, or a new one if it has none. The returned secret, if one was generated, is kept nowhere.
func (s *Service) Create(ctx context.Context, c *idp.Client, o SecretOptions) (created *idp.Client, secretText string, err error) {
	made := *c
	made.Secrets, made.CreatedAt = nil, now()
	made.UpdatedAt = made.CreatedAt
	if made.ID == "" {
		made.ID = idp.NewID() // RP-3: letters and digits only
	}
	made.ApplyDefaults()
	if o.Generate && o.Bring != "" {
		return nil, "", idp.Invalidf("client_secret", "A secret was brought and one is to be generated. Do one of the two.")
	}
	if !made.HasSecret() && o.Bring != "" {
		return nil, "", idp.Invalidf("client_secret", "A client with the authentication method %s has no secret. Leave it out.", strings.Join(made.AuthMethods, ", "))
	}
	text := o.Bring
	if made.HasSecret() && o.Generate {
		secretText = secret.NewClientSecret()
		text = secretText
	}
	var bad error
	if o.Bring != "" {
		bad = secret.HighEntropy(o.Bring)
	}
	if text != "" {
		fresh, err := s.newSecret(&made, text, made.CreatedAt)
		if err != nil {
			return nil, "", err
		}
		made.Secrets = []idp.ClientSecret{fresh}
	}
	if err := errors.Join(made.Validate(), bad); err != nil {
		return nil, "", err
	}
	if err := s.Outside(ctx, nil, &made); err != nil {
		return nil, "", fmt.Errorf("create client %s: %w", made.ID, err)
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.CreateClient(ctx, &made); err != nil {
			return taken(err, made.ID)
		}
		return s.write(ctx, audit.ClientCreated, made.ID, map[string]string{"name": made.Name})
	})
	if err != nil {
		return nil, "", fmt.Errorf("create client %s: %w", made.ID, err)
	}
	return &made, secretText, nil
}

// Update changes a client: change gets a copy and may alter all but its id, its times and its secrets. If nothing differs
// afterwards nothing is written. If somebody else changes the client meanwhile, change is called again with what it is now.
func (s *Service) Update(ctx context.Context, id string, change func(*idp.Client) error, guards ...Guard) (*idp.Client, error) {
	const most = 3
	for attempt := 1; ; attempt++ {
		result, err := s.update(ctx, id, change, guards)
		if e := new(idp.Error); errors.As(err, &e) && e.Code == codeChanged && attempt < most {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("update client %s: %w", id, err)
		}
		return result, nil
	}
}

// update reads, looks outside, and writes if the client is still what it was: so the guards hold when it is written, and nobody waits for
// the network in a transaction.
func (s *Service) update(ctx context.Context, id string, change func(*idp.Client) error, guards []Guard) (*idp.Client, error) {
	old, err := s.get(ctx, id, guards)
	if err != nil {
		return nil, err
	}
	next := clone(old)
	if err := change(next); err != nil {
		return nil, err
	}
	next.ID, next.CreatedAt, next.UpdatedAt, next.Secrets = old.ID, old.CreatedAt, old.UpdatedAt, old.Secrets
	next.ApplyDefaults()
	KeepSecrets(next)
	if err := next.Validate(); err != nil {
		return nil, err
	}
	changes := diff(old, next)
	if len(changes) == 0 {
		return old, nil
	}
	if err := s.Outside(ctx, old, next); err != nil {
		return nil, err
	}
	return next, s.Store.InTx(ctx, func(ctx context.Context) error {
		return s.replace(ctx, old, next, audit.ClientUpdated, map[string]string{"fields": fields(changes)})
	})
}

// RotateSecret gives a client a new secret and returns it. The old ones stay good for overlap, so that the application can be changed
// without an outage; with 0 they end at once.
func (s *Service) RotateSecret(ctx context.Context, id string, overlap time.Duration, guards ...Guard) (string, error) {
	if overlap < 0 || overlap > maxOverlap {
		return "", idp.Invalidf("overlap", "The overlap is not between 0 and %d days.", int(maxOverlap.Hours()/24))
	}
	text := secret.NewClientSecret()
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		old, err := s.get(ctx, id, guards)
		if err != nil {
			return err
		}
		if !old.HasSecret() {
			return &idp.Error{Kind: idp.Conflict, Code: "public_client", Message: fmt.Sprintf("The client %s has no secret: its authentication method is %s.", id, strings.Join(old.AuthMethods, ", "))}
		}
		next, at := clone(old), now()
		fresh, err := s.newSecret(next, text, at)
		if err != nil {
			return err
		}
		next.Secrets = append(ending(old.Secrets, at, overlap), fresh)
		if err := next.Validate(); err != nil {
			return err
		}
		return s.replace(ctx, old, next, audit.ClientSecretRotated, map[string]string{"overlap": overlap.String()})
	})
	if err != nil {
		return "", fmt.Errorf("rotate secret of client %s: %w", id, err)
	}
	return text, nil
}

// ending returns the secrets that are still good at now, each to end after overlap at the latest.
func ending(secrets []idp.ClientSecret, at time.Time, overlap time.Duration) []idp.ClientSecret {
	end := at.Add(overlap)
	var kept []idp.ClientSecret
	for _, old := range secrets {
		if old.ExpiresAt == nil || old.ExpiresAt.After(end) {
			old.ExpiresAt = &end
		}
		if at.Before(*old.ExpiresAt) {
			kept = append(kept, old)
		}
	}
	return kept
}

// Judge approves a client that named itself, or denies it: then every request of it is refused, and what it was given is revoked.
func (s *Service) Judge(ctx context.Context, id string, approved bool) (*idp.Client, error) {
	var result *idp.Client
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		old, err := s.get(ctx, id, nil)
		if err != nil {
			return err
		}
		next := clone(old)
		if !next.Approve() {
			return &idp.Error{Kind: idp.Conflict, Code: "not_a_stranger", Message: fmt.Sprintf("The client %s did not name itself, so there is nothing to approve or deny. `idp client update` disables it.", id)}
		}
		next.Disabled = !approved
		event := audit.ClientApproved
		if !approved {
			event = audit.ClientDenied
			if err := s.Store.RevokeClient(ctx, id, now()); err != nil {
				return err
			}
		}
		result = next
		return s.replace(ctx, old, next, event, nil)
	})
	if err != nil {
		return nil, fmt.Errorf("judge client %s: %w", id, err)
	}
	return result, nil
}

// Pending lists the clients that wait for an administrator's approval.
func (s *Service) Pending(ctx context.Context) ([]*idp.Client, error) {
	list, err := s.Store.ClientsManagedBy(ctx, idp.ManagedByDocument)
	if err != nil {
		return nil, fmt.Errorf("list pending clients: %w", err)
	}
	return slices.DeleteFunc(list, func(c *idp.Client) bool { return !c.Pending }), nil
}

// Delete removes a client and revokes all it was given.
func (s *Service) Delete(ctx context.Context, id string, guards ...Guard) error {
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		old, err := s.get(ctx, id, guards)
		if err != nil {
			return err
		}
		return s.remove(ctx, old)
	})
	if err != nil {
		return fmt.Errorf("delete client %s: %w", id, err)
	}
	return nil
}

func (s *Service) remove(ctx context.Context, old *idp.Client) error {
	if err := s.Store.DeleteClient(ctx, old.ID, now()); err != nil {
		return err
	}
	return s.write(ctx, audit.ClientDeleted, old.ID, map[string]string{"name": old.Name})
}

// replace writes next in the place of old, if nobody else wrote first.
func (s *Service) replace(ctx context.Context, old, next *idp.Client, t audit.Type, details map[string]string) error {
	next.UpdatedAt = now()
	if !next.UpdatedAt.After(old.UpdatedAt) {
		next.UpdatedAt = old.UpdatedAt.Add(time.Microsecond) // it is the version that callers compare
	}
	if err := s.Store.UpdateClient(ctx, next, old.UpdatedAt); err != nil {
		if errors.Is(err, idp.ErrConflict) {
			return &idp.Error{Kind: idp.Conflict, Code: codeChanged, Message: fmt.Sprintf("Somebody else changed the client %s at the same time. Read it again, and repeat the change.", old.ID), Err: err}
		}
		return err
	}
	return s.write(ctx, t, next.ID, details)
}

func (s *Service) get(ctx context.Context, id string, guards []Guard) (*idp.Client, error) {
	c, err := s.Store.Client(ctx, id)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, NotFound(id)
	}
	if err != nil {
		return nil, err
	}
	for _, guard := range guards {
		if err := guard(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Get returns one client from the database.
func (s *Service) Get(ctx context.Context, id string) (*idp.Client, error) {
	return s.get(ctx, id, nil)
}

// NotFound says that no client has an id.
func NotFound(id string) *idp.Error {
	return &idp.Error{Kind: idp.NotFound, Code: "client_not_found", Message: fmt.Sprintf("There is no client %q. `idp client list` shows all.", cut(id))}
}

func taken(err error, id string) error {
	if errors.Is(err, idp.ErrConflict) {
		return &idp.Error{Kind: idp.Conflict, Code: "client_exists", Field: "client_id", Message: fmt.Sprintf("There is a client %s already. Choose another id, or change that one.", id), Err: err}
	}
	return err
}

func (s *Service) write(ctx context.Context, t audit.Type, id string, details map[string]string) error {
	return s.Audit.Write(ctx, audit.Event{Type: t, ClientID: id, Details: details})
}

// now is the time at the precision that both databases keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// clone returns a copy that shares no memory with c: what the store gave belongs to everybody.
func clone(c *idp.Client) *idp.Client {
	n := *c
	unshare(reflect.ValueOf(&n).Elem())
	return &n
}

// unshare copies what the fields of a struct point to, so that a topic that is added later cannot be forgotten.
func unshare(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				unshare(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(own, v)
		v.Set(own)
		for i := range own.Len() {
			unshare(own.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			return
		}
		own := reflect.MakeMapWithSize(v.Type(), v.Len())
		for _, key := range v.MapKeys() {
			own.SetMapIndex(key, v.MapIndex(key))
		}
		v.Set(own)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		own := reflect.New(v.Type().Elem())
		own.Elem().Set(v.Elem())
		unshare(own.Elem())
		v.Set(own)
	}
}

// cut bounds what an outsider wrote for a sentence.
func cut(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
