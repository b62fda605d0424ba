package registration

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"

	"idp/internal/audit"
	"idp/internal/client"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/throttle"
)

// Mode says who may register an application at the endpoint.
type Mode string

// The modes.
const (
	Off   Mode = "off"
	Token Mode = "token" // who has an initial access token of an operator's
	Open  Mode = "open"  // everybody
)

// changesPerRegistration is how many changes an address may make for each registration that it may try.
const changesPerRegistration = 10

// Config is what a Service needs.
type Config struct {
	Store    *store.Store
	Keyring  *secret.Keyring
	Audit    *audit.Log
	Throttle *throttle.Throttle
	Issuer   string
	Logger   *slog.Logger

	Mode   Mode
	Scopes []string // that a client may ask for where no token says otherwise
	Grants []string // likewise
	// MoreScopes are those of the operator's protected resources, which a client may ask for as well as for Scopes; may be nil.
	MoreScopes func(ctx context.Context) ([]string, error)
	Most       int // open registrations that nobody here has looked at
	PerHour    int // registrations of one address
	// Statements verifies software statements; nil where no issuer of them is trusted.
	Statements *Statements
	// NeedStatement refuses registrations without one.
	NeedStatement bool
	// Outside does what a registration needs beyond its row (client.Service.Outside); old is nil for a new client.
	Outside func(ctx context.Context, old, next *idp.Client) error
}

// Service registers clients. Safe for concurrent use.
type Service struct{ Config }

// New returns the service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Keyring == nil || c.Audit == nil || c.Throttle == nil || c.Logger == nil || c.Issuer == "" || c.Outside == nil {
		return nil, errors.New("registration: Store, Keyring, Audit, Throttle, Issuer, Outside and Logger are needed")
	}
	return &Service{c}, nil
}

// Registered is a client with what its owner is told this once.
type Registered struct {
	Client *idp.Client
	Secret string // empty where it has none, or keeps the one it has
	Token  string // the registration access token
}

// Members returns the client information response (RFC 7591 §3.2.1, RFC 7592 §3, Client Registration §3.2). address is where the registration is managed.
func (r *Registered) Members(address string) map[string]any {
	out := show(r.Client)
	out["client_id"] = r.Client.ID
	out["client_id_issued_at"] = r.Client.RegisteredAt.Unix()
	out["registration_client_uri"] = address
	out["registration_access_token"] = r.Token
	if r.Secret != "" {
		out["client_secret"] = r.Secret
		out["client_secret_expires_at"] = 0 // REQUIRED beside a secret; 0 is never
	}
	return out
}

// Register registers a client from a document (RFC 7591 §3, §3.1, Client Registration §3.1). token is the initial access token that came with it, if one did.
func (s *Service) Register(ctx context.Context, body []byte, token string) (*Registered, error) {
	peer := idp.PeerOf(ctx)
	initial, given := s.Keyring.ParseToken(secret.TokenInitial, token)
	if token != "" && !given || token == "" && s.Mode != Open {
		return nil, unauthenticated()
	}
	if err := s.Throttle.Spend(ctx, "registration", peer.Address, s.PerHour, time.Hour); err != nil {
		return nil, err
	}
	members, err := readMembers(body, maxDocument)
	if err != nil {
		return nil, wrong("", "The body cannot be read: %s.", err)
	}
	if members, err = s.applyStatement(ctx, members); err != nil {
		return nil, err
	}
	c := &idp.Client{ID: idp.NewID(), Contract: idp.StrangersContract(), CreatedAt: now()}
	c.UpdatedAt, c.RegisteredAt = c.CreatedAt, c.CreatedAt
	c.SoftwareStatement = text(members[memberStatement])
	c.ManagedBy, c.AllowedGrants = idp.ManagedByOpen, s.Grants
	if c.AllowedScopes, err = allowed(ctx, s.Scopes, s.MoreScopes); err != nil {
		return nil, err
	}
	if given {
		if err := s.allow(ctx, c, initial); err != nil {
			return nil, err
		}
	}
	if err := s.fill(c, members); err != nil {
		return nil, err
	}
	text, err := s.credentials(c)
	if err != nil {
		return nil, err
	}
	made := &Registered{Client: c, Secret: text, Token: s.newToken(c)}
	if err := s.check(ctx, nil, c); err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		if given { // counted in the statement that finds it good, and only for a registration that is written
			if _, err := s.Store.UseRegistrationToken(ctx, initial.ID, initial.Digest, now()); errors.Is(err, idp.ErrNotFound) {
				return unauthenticated()
			} else if err != nil {
				return err
			}
		}
		return s.insert(ctx, c)
	})
	if err != nil {
		return nil, fmt.Errorf("register client: %w", err)
	}
	return made, nil
}

// allowed returns the scopes and those that more knows, sorted, each once.
func allowed(ctx context.Context, scopes []string, more func(ctx context.Context) ([]string, error)) ([]string, error) {
	all := slices.Clone(scopes)
	if more != nil {
		found, err := more(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// allow gives the client what its initial access token lets it ask for.
func (s *Service) allow(ctx context.Context, c *idp.Client, initial secret.Token) error {
	t, err := s.Store.RegistrationToken(ctx, initial.ID, initial.Digest, now())
	if errors.Is(err, idp.ErrNotFound) {
		return unauthenticated()
	}
	if err != nil {
		return err
	}
	c.ManagedBy, c.RegistrationToken = idp.ManagedByToken, t.ID
	if t.Policy.Scopes != nil {
		c.AllowedScopes = t.Policy.Scopes
	}
	if t.Policy.Grants != nil {
		c.AllowedGrants = t.Policy.Grants
	}
	return nil
}

// check applies the one rule for every door, and does what the registration needs elsewhere: in no transaction, because that may wait.
func (s *Service) check(ctx context.Context, old, next *idp.Client) error {
	err := next.Validate()
	if err == nil {
		err = s.Outside(ctx, old, next)
	}
	return refusal(err)
}

// insert writes the client and its event. RFC 7591 §5: open registrations are bounded in number, and their clients in what they may.
func (s *Service) insert(ctx context.Context, c *idp.Client) error {
	var err error
	if c.ManagedBy == idp.ManagedByOpen {
		if err = s.Store.CreateClientWithin(ctx, c, s.Most); errors.Is(err, idp.ErrConflict) {
			return &idp.Error{
				Kind: idp.Throttled, Code: idp.CodeTemporarilyUnavailable, RetryAfter: time.Hour,
				Message: "As many applications as this server keeps have registered themselves. Try again later, or ask its operator for an initial access token.",
			}
		}
	} else {
		err = s.Store.CreateClient(ctx, c)
	}
	if err != nil {
		return err
	}
	return s.write(ctx, audit.ClientRegistered, c, map[string]string{"name": c.Name, "source": c.ManagedBy, "token_id": c.RegistrationToken})
}

// fill writes what the members say onto the client, within what it may ask for.
func (s *Service) fill(c *idp.Client, members map[string]json.RawMessage) error {
	had := c.GrantTypes // some perhaps by an operator's hand
	if err := read(members, c); err != nil {
		return err
	}
	// RFC 7591 §3.2.1: values may be replaced; the answer says which there are.
	c.GrantTypes = slices.DeleteFunc(c.GrantTypes, func(g string) bool { return !slices.Contains(c.AllowedGrants, g) && !slices.Contains(had, g) })
	if c.Scopes == nil {
		c.Scopes = slices.Clone(c.AllowedScopes)
	} else if c.Scopes = slices.DeleteFunc(c.Scopes, func(scope string) bool { return !slices.Contains(c.AllowedScopes, scope) }); len(c.Scopes) == 0 {
		return wrong(memberScope, "None of the scopes is one that an application may register for here. Ask for some of %s.", strings.Join(c.AllowedScopes, " "))
	}
	if !slices.Contains(c.GrantTypes, idp.GrantRefreshToken) {
		c.Scopes = slices.DeleteFunc(c.Scopes, func(scope string) bool { return scope == idp.ScopeOfflineAccess })
	}
	c.ApplyDefaults()
	return nil
}

// credentials gives the client a secret if its way of authenticating needs one that it has not, and takes away what it cannot use.
func (s *Service) credentials(c *idp.Client) (text string, err error) {
	c.Secrets = slices.Clone(c.Secrets)
	client.KeepSecrets(c)
	readable := func(kept idp.ClientSecret) bool {
		return kept.Sealed != "" || !c.Authenticates(idp.AuthClientSecretJWT)
	}
	if !c.HasSecret() || slices.ContainsFunc(c.Secrets, readable) {
		return "", nil
	}
	text = secret.NewClientSecret()
	made, err := client.NewSecret(s.Keyring, c, text, now())
	if err != nil {
		return "", fmt.Errorf("keep the client's secret: %w", err)
	}
	c.Secrets = []idp.ClientSecret{made}
	return text, nil
}

// newToken gives the client a new registration access token, in the place of any other.
func (s *Service) newToken(c *idp.Client) (text string) {
	t := s.Keyring.NewToken(secret.TokenManage, c.ID)
	c.RegistrationDigest = hex.EncodeToString(t.Digest)
	return t.Text
}

// Read returns a client to who holds its registration access token (RFC 7592 §2.1).
func (s *Service) Read(ctx context.Context, id, token string) (*Registered, error) {
	c, err := s.authenticate(ctx, id, token)
	if err != nil {
		return nil, err
	}
	return &Registered{Client: c, Token: token}, nil
}

// Replace puts a document in the place of what the client said before (RFC 7592 §2.2), and gives it another registration access token.
func (s *Service) Replace(ctx context.Context, id, token string, body []byte) (*Registered, error) {
	old, err := s.authenticate(ctx, id, token)
	if err != nil {
		return nil, err
	}
	members, err := s.readReplacement(ctx, old, body)
	if err != nil {
		return nil, err
	}
	// Each change makes every replica read its clients anew, and may have this server read an address of the client's choice.
	if err := s.Throttle.Spend(ctx, "changes of registrations", idp.PeerOf(ctx).Address, s.PerHour*changesPerRegistration, time.Hour); err != nil {
		return nil, err
	}
	next := *old
	next.SoftwareStatement = text(members[memberStatement])
	if old.SoftwareStatement != "" && next.SoftwareStatement == "" {
		return nil, wrong(memberStatement, "The registration stands on a software statement. Send it, or a newer one, with every change.")
	}
	if err := s.fill(&next, members); err != nil {
		return nil, err
	}
	fresh, err := s.credentials(&next)
	if err != nil {
		return nil, err
	}
	details, changed, err := s.doubt(ctx, old, &next, fresh != "")
	if err != nil {
		return nil, err
	}
	made := &Registered{Client: &next, Secret: fresh, Token: s.newToken(&next)}
	if err := s.check(ctx, old, &next); err != nil {
		return nil, err
	}
	next.UpdatedAt = later(old.UpdatedAt)
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		// Of several changes with one token the first one wins; the token of the others is spent.
		if err := s.Store.UpdateClient(ctx, &next, old.UpdatedAt); errors.Is(err, idp.ErrConflict) {
			return unauthenticated()
		} else if err != nil {
			return err
		}
		if len(changed) > 0 {
			// RFC 7592 §5: people allowed what they read about. Whoever got hold of the registration access token could else have their codes sent
			// elsewhere with nobody asked.
			if err := s.Store.EmptyGrants(ctx, id); err != nil {
				return err
			}
		}
		return s.write(ctx, audit.ClientUpdated, &next, details)
	})
	if err != nil {
		return nil, fmt.Errorf("replace registration of client %s: %w", id, err)
	}
	return made, nil
}

// readReplacement reads the document that is to stand for a client, and refuses what RFC 7592 §2.2 keeps out of it.
func (s *Service) readReplacement(ctx context.Context, c *idp.Client, body []byte) (map[string]json.RawMessage, error) {
	members, err := readMembers(body, maxDocument)
	if err != nil {
		return nil, wrong("", "The body cannot be read: %s.", err)
	}
	for _, name := range []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"} {
		if _, sent := members[name]; sent {
			return nil, wrong(name, "The member %s is not sent back (RFC 7592 §2.2). Leave it out.", name)
		}
	}
	if text(members["client_id"]) != c.ID {
		return nil, wrong("client_id", "The member client_id must be %s, the client whose registration is replaced.", c.ID)
	}
	if members, err = s.applyStatement(ctx, members); err != nil {
		return nil, err
	}
	if given := text(members["client_secret"]); given != "" && !s.hasSecret(c, given) {
		return nil, wrong("client_secret", "The member client_secret is not the client's secret, and no client chooses its own (RFC 7592 §2.2). Leave it out.")
	}
	return members, nil
}

// Delete removes a client, and revokes all it was given, for who holds its registration access token (RFC 7592 §2.3).
func (s *Service) Delete(ctx context.Context, id, token string) error {
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		c, err := s.authenticate(ctx, id, token)
		if err != nil {
			return err
		}
		if err := s.Store.DeleteClient(ctx, id, now()); err != nil {
			return err
		}
		return s.write(ctx, audit.ClientDeleted, c, map[string]string{"name": c.Name, "source": c.ManagedBy})
	})
	if errors.Is(err, idp.ErrNotFound) {
		return unauthenticated()
	}
	if err != nil {
		return fmt.Errorf("delete client %s: %w", id, err)
	}
	return nil
}

// authenticate returns the client that a registration access token is for. RFC 7592 §2: of a client that is gone, or that an operator has disabled, the
// answer is that of a wrong token.
func (s *Service) authenticate(ctx context.Context, id, token string) (*idp.Client, error) {
	t, ok := s.Keyring.ParseToken(secret.TokenManage, token)
	if !ok || t.ID != id {
		return nil, unauthenticated()
	}
	c, err := s.Store.Client(ctx, t.ID)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, unauthenticated()
	}
	if err != nil {
		return nil, err
	}
	if c.Disabled || subtle.ConstantTimeCompare([]byte(c.RegistrationDigest), []byte(hex.EncodeToString(t.Digest))) != 1 {
		return nil, unauthenticated()
	}
	return c, nil
}

func (s *Service) hasSecret(c *idp.Client, given string) bool {
	return slices.ContainsFunc(c.Secrets, func(kept idp.ClientSecret) bool { return s.Keyring.VerifyDigest(idp.SecretPurpose, kept.Digest, given) })
}

func (s *Service) write(ctx context.Context, t audit.Type, c *idp.Client, details map[string]string) error {
	for name, value := range details {
		if value == "" {
			delete(details, name)
		}
	}
	return s.Audit.Write(ctx, audit.Event{Type: t, ActorKind: audit.ActorClient, ActorID: c.ID, ClientID: c.ID, Details: details})
}

func unauthenticated() *idp.Error {
	return &idp.Error{Kind: idp.Unauthenticated, Code: idp.CodeInvalidToken, Message: "The access token is missing, expired, used up, or not one for this registration."}
}

// now is the time at the precision that both databases keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// later returns now, and always a time after before: it is the version that writers compare.
func later(before time.Time) time.Time {
	if at := now(); at.After(before) {
		return at
	}
	return before.Add(time.Microsecond)
}

// text returns a member that is a text, and nothing for any other.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// same reports whether two states of a client say the same, times aside.
func same(a, b *idp.Client) bool {
	x, y := *a, *b
	x.CreatedAt, x.UpdatedAt, y.CreatedAt, y.UpdatedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return reflect.DeepEqual(&x, &y)
}
