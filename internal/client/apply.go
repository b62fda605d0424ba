package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
)

// DefaultSource is the name of a set of files that was given none.
const DefaultSource = "files"

// ApplyOptions says how files are applied.
type ApplyOptions struct {
	DryRun bool   // only say what would be done
	Prune  bool   // delete the clients of this source that the files no longer name
	Source string // the name of this set of files; DefaultSource if empty
}

// Action is what is done with a client.
type Action string

// The actions.
const (
	ActionCreate    Action = "create"
	ActionUpdate    Action = "update"
	ActionDelete    Action = "delete"
	ActionUnchanged Action = "unchanged"
)

// Plan is what an apply did, or would do: the clients of the files in their order, then those that are deleted.
type Plan struct {
	Source string     `json:"source"`
	DryRun bool       `json:"dry_run"`
	Items  []PlanItem `json:"items"`
}

// PlanItem is one client's part of a plan.
type PlanItem struct {
	ClientID string   `json:"client_id"`
	Action   Action   `json:"action"`
	Changes  []Change `json:"changes,omitempty"`
}

// step is an item with what it takes to do it.
type step struct {
	item      PlanItem
	old, next *idp.Client
}

// Apply makes the clients of a source what docs say, all or none, in one transaction. Done twice, it changes nothing the second
// time. A client of another source is never touched; one that was made by hand is taken over.
func (s *Service) Apply(ctx context.Context, docs []Document, o ApplyOptions) (Plan, error) {
	if o.Source == "" {
		o.Source = DefaultSource
	}
	if idp.ReservedSource(o.Source) {
		return Plan{}, idp.Invalidf("source", "The name %q is kept for clients that register themselves. Choose another one.", o.Source)
	}
	if len(docs) > maxDocuments {
		return Plan{}, idp.Invalidf("clients", "There are %d clients; %d is the most that is applied at once.", len(docs), maxDocuments)
	}
	looked, err := s.lookOutside(ctx, docs, o)
	if err != nil {
		return Plan{}, fmt.Errorf("apply clients: %w", err)
	}
	var plan Plan
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		plan = Plan{Source: o.Source, DryRun: o.DryRun, Items: []PlanItem{}}
		steps, err := s.plan(ctx, docs, o)
		if err != nil {
			return err
		}
		if err := looked.same(steps); err != nil {
			return err
		}
		for _, st := range steps {
			plan.Items = append(plan.Items, st.item)
			if o.DryRun {
				continue
			}
			if err := s.perform(ctx, st, o.Source); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Plan{}, fmt.Errorf("apply clients: %w", err)
	}
	if !o.DryRun {
		s.Logger.InfoContext(ctx, "clients applied", slog.String("source", o.Source), slog.Int("clients", len(docs)), slog.Int("changed", plan.Changed()))
	}
	return plan, nil
}

// lookedAt is when each client that is to be changed was last changed, as it was when its registration was compared with the world
// outside; the zero time for a new one.
type lookedAt map[string]time.Time

// lookOutside does for all documents what must not be done in the transaction. A dry run makes no keys.
func (s *Service) lookOutside(ctx context.Context, docs []Document, o ApplyOptions) (lookedAt, error) {
	steps, err := s.plan(ctx, docs, o)
	if err != nil {
		return nil, err
	}
	looked := lookedAt{}
	var faults []error
	for i, st := range steps {
		if st.next == nil || st.item.Action == ActionUnchanged {
			continue
		}
		looked[st.item.ClientID] = st.changedAt()
		err := s.checkSector(ctx, st.old, st.next)
		if fault := new(idp.Error); errors.As(err, &fault) {
			err = place(i, docs[i], fault)
		}
		if err == nil && !o.DryRun {
			err = s.EnsureKeys(ctx, st.next.KeyAlgs()...)
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	return looked, errors.Join(faults...)
}

// same refuses a plan that differs from the one that was compared with the world outside.
func (l lookedAt) same(steps []step) error {
	for _, st := range steps {
		if st.next == nil || st.item.Action == ActionUnchanged {
			continue
		}
		if at, ok := l[st.item.ClientID]; !ok || !at.Equal(st.changedAt()) {
			return &idp.Error{Kind: idp.Conflict, Code: codeChanged, Message: fmt.Sprintf("Somebody else changed the client %s at the same time. Apply the files again.", st.item.ClientID)}
		}
	}
	return nil
}

// changedAt is when the client that the step changes was last changed; the zero time for a new one.
func (st step) changedAt() time.Time {
	if st.old == nil {
		return time.Time{}
	}
	return st.old.UpdatedAt
}

// Changed counts the items that are not as they were.
func (p Plan) Changed() int {
	n := 0
	for _, item := range p.Items {
		if item.Action != ActionUnchanged {
			n++
		}
	}
	return n
}

func (s *Service) perform(ctx context.Context, st step, source string) error {
	details := map[string]string{"source": source}
	switch st.item.Action {
	case ActionCreate:
		if err := s.Store.CreateClient(ctx, st.next); err != nil {
			return taken(err, st.next.ID)
		}
		return s.write(ctx, audit.ClientCreated, st.next.ID, details)
	case ActionUpdate:
		details["fields"] = fields(st.item.Changes)
		return s.replace(ctx, st.old, st.next, audit.ClientUpdated, details)
	case ActionDelete:
		return s.remove(ctx, st.old)
	}
	return nil
}

// plan compares docs with the database.
func (s *Service) plan(ctx context.Context, docs []Document, o ApplyOptions) ([]step, error) {
	var steps []step
	var faults []error
	named := map[string]bool{}
	for i, doc := range docs {
		if doc.ID == "" || named[doc.ID] {
			faults = append(faults, place(i, doc, idp.Invalidf("client_id", "The client id %q is missing or stands there twice.", doc.ID)))
			continue
		}
		named[doc.ID] = true
		old, err := s.Store.Client(ctx, doc.ID)
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			return nil, err
		}
		st, err := s.step(old, doc, o.Source)
		if err != nil {
			for _, fault := range idp.Faults(err) {
				faults = append(faults, place(i, doc, fault))
			}
			continue
		}
		steps = append(steps, st)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if o.Prune {
		managed, err := s.managed(ctx, o.Source)
		if err != nil {
			return nil, err
		}
		for _, old := range managed {
			if !named[old.ID] {
				steps = append(steps, step{item: PlanItem{ClientID: old.ID, Action: ActionDelete}, old: old})
			}
		}
	}
	return steps, nil
}

func (s *Service) managed(ctx context.Context, source string) ([]*idp.Client, error) {
	return s.Store.ClientsManagedBy(ctx, source)
}

// step decides what is to be done for one document; old is nil if there is no such client. The contract that a client was promised stays, but for
// what the file says of it.
func (s *Service) step(old *idp.Client, doc Document, source string) (step, error) {
	at := now()
	next := &idp.Client{ID: doc.ID, Contract: idp.DefaultContract(), CreatedAt: at, UpdatedAt: at}
	action := ActionCreate
	if old != nil {
		if old.Registered() {
			return step{}, &idp.Error{Kind: idp.Conflict, Code: "registered_itself", Field: "client_id", Message: fmt.Sprintf("The client %s registered itself, and may change itself. Choose another id for the one in the file, or delete that one.", doc.ID)}
		}
		if old.ManagedBy != "" && old.ManagedBy != source {
			return step{}, &idp.Error{Kind: idp.Conflict, Code: "managed_by_file", Field: "client_id", Message: fmt.Sprintf("The client %s is kept by another source, %s. Remove it from one of the two.", doc.ID, old.ManagedBy)}
		}
		next, action = clone(old), ActionUpdate
	}
	doc.On(next)
	next.ManagedBy = source
	next.ApplyDefaults()
	said, err := s.secrets(next, doc, at)
	if err := errors.Join(err, next.Validate()); err != nil {
		return step{}, err
	}
	changes := append(diff(old, next), said...)
	if len(changes) == 0 {
		action = ActionUnchanged
	}
	return step{item: PlanItem{ClientID: doc.ID, Action: action, Changes: changes}, old: old, next: next}, nil
}

// secrets makes the client's secrets those that the file names, and leaves them as they are if it names none.
func (s *Service) secrets(c *idp.Client, doc Document, at time.Time) ([]Change, error) {
	if len(doc.Secrets)+len(doc.Digests) == 0 {
		n := len(c.Secrets)
		KeepSecrets(c)
		if len(c.Secrets) < n {
			return []Change{{Field: "secrets", From: count(n, 0), To: count(0, 0)}}, nil
		}
		if c.HasSecret() && len(c.Secrets) == 0 {
			return nil, idp.Invalidf("secrets", "A new client needs a secret. Name one in secret_file, secret_env or secret_digest, or use the authentication method %q.", idp.AuthNone)
		}
		return nil, nil
	}
	KeepSecrets(c)
	signs := c.Authenticates(idp.AuthClientSecretJWT)
	had := c.Secrets
	var kept []idp.ClientSecret
	fresh := 0
	keep := func(is func(idp.ClientSecret) bool, made idp.ClientSecret) {
		if i := slices.IndexFunc(had, func(h idp.ClientSecret) bool { return h.ExpiresAt == nil && (h.Sealed != "") == signs && is(h) }); i >= 0 {
			kept = append(kept, had[i])
			return
		}
		kept = append(kept, made)
		fresh++
	}
	var faults []error
	for _, text := range doc.Secrets {
		if err := secret.HighEntropy(text.Reveal()); err != nil {
			faults = append(faults, err)
			continue
		}
		made, err := s.newSecret(c, text.Reveal(), at)
		if err != nil {
			return nil, err
		}
		keep(func(h idp.ClientSecret) bool {
			return s.Keyring.VerifyDigest(idp.SecretPurpose, h.Digest, text.Reveal())
		}, made)
	}
	for _, digest := range doc.Digests {
		err := s.checkDigest(digest)
		if signs { // RFC 7518 §3.2: it is the key, so it must be there to verify with
			err = idp.Invalidf("secret_digest", "The authentication method %q needs the secret itself. Name it in secret_file or secret_env.", idp.AuthClientSecretJWT)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		keep(func(h idp.ClientSecret) bool { return h.Digest == digest }, idp.ClientSecret{ID: idp.NewID(), Digest: digest, CreatedAt: at})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	c.Secrets = kept
	if fresh == 0 && len(kept) == len(had) {
		return nil, nil
	}
	return []Change{{Field: "secrets", From: count(len(had), 0), To: count(len(kept), fresh)}}, nil
}

func count(n, fresh int) string {
	if fresh == 0 {
		return fmt.Sprintf("%d kept", n)
	}
	return fmt.Sprintf("%d kept, %d new", n-fresh, fresh)
}

// checkDigest refuses a digest that no key of the ring can have made: it would never match.
func (s *Service) checkDigest(digest string) error {
	id, sum, found := strings.Cut(digest, ".")
	if !found || len(sum) != 43 || !slices.Contains(s.Keyring.IDs(), id) {
		return idp.Invalidf("secret_digest", "The digest is not one that this server can verify: its form is another, or its key is not in the key ring. Make one with `idp client digest-secret` where the server runs.")
	}
	return nil
}

// SecretDigest returns what may stand as secret_digest in a file instead of the secret.
func SecretDigest(ring *secret.Keyring, text string) (string, error) {
	if err := secret.HighEntropy(text); err != nil {
		return "", err
	}
	return ring.KeyedDigest(idp.SecretPurpose, text), nil
}

// place puts before a fault where its document came from.
func place(i int, doc Document, fault *idp.Error) *idp.Error {
	out := *fault
	if doc.File != "" {
		out.Message = fmt.Sprintf("%s:%d: %s", doc.File, doc.Line, fault.Message)
	}
	out.Field = fmt.Sprintf("clients[%d].%s", i, fault.Field)
	return &out
}
