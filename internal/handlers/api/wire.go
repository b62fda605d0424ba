package api

import (
	"time"

	"idp/internal/client"
	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/upstream"
)

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Pass it as after to get the next page; absent on the last"`
}

// PageInput is what every list takes.
type PageInput struct {
	After string `query:"after" maxLength:"512" doc:"The next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

// page makes a page: there may be more if it is full.
func page[T, U any](list []T, limit int, id func(T) string, view func(T) U) Page[U] {
	p := Page[U]{Items: make([]U, 0, len(list))}
	for _, v := range list {
		p.Items = append(p.Items, view(v))
	}
	if len(list) > 0 && len(list) >= limit {
		p.Next = id(list[len(list)-1])
	}
	return p
}

// Whoami says as whom the caller is seen.
type Whoami struct {
	Kind   string `json:"kind" doc:"user, client, operator"`
	ID     string `json:"id"`
	Issuer string `json:"issuer"`
}

// Client is a client as it is registered, without its secrets.
type Client struct {
	client.Registration
	Contract  idp.Contract `json:"contract" doc:"What the client was promised, with every value written out"`
	ManagedBy string       `json:"managed_by,omitempty" doc:"The set of files it is kept in; registration:… if it registered itself, cimd… if the document at its id describes it"`
	Pending   bool         `json:"pending,omitempty" doc:"Refused until an administrator approves it"`
	Secrets   []Secret     `json:"secrets" nullable:"false"`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

// Secret says that a client has a secret, and not which.
type Secret struct {
	ID        string     `json:"id"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// NewClient is a client to be registered.
type NewClient struct {
	client.Registration
	Secret string `json:"client_secret,omitempty" maxLength:"512" doc:"A secret of your own, as good as random. Without it one is made."`
}

// CreatedClient is a client with its secret, which is told this once.
type CreatedClient struct {
	Client
	Secret string `json:"client_secret,omitempty" doc:"Told this once"`
}

// NewSecret is a secret that was made, told this once.
type NewSecret struct {
	Secret string `json:"client_secret" doc:"Told this once"`
}

// ApplyDocument is one client of a set of files, with its secrets in hand.
type ApplyDocument struct {
	Client  client.Registration `json:"client"`
	Secrets []string            `json:"secrets,omitempty" maxItems:"5" doc:"In clear; without any its secrets stay as they are"`
	Digests []string            `json:"secret_digests,omitempty" maxItems:"5"`
	File    string              `json:"file,omitempty" maxLength:"1024" doc:"Where it stands, for error messages"`
	Line    int                 `json:"line,omitempty" minimum:"0"`
}

// ApplyRequest is a set of files to be applied.
type ApplyRequest struct {
	Source  string          `json:"source,omitempty" maxLength:"256" doc:"The name of the set; files if it is left out"`
	DryRun  bool            `json:"dry_run,omitempty" doc:"Only say what would be done"`
	Prune   bool            `json:"prune,omitempty" doc:"Delete the clients of this set that are no longer in it"`
	Clients []ApplyDocument `json:"clients" maxItems:"1000" nullable:"false"`
}

// Findings is a list of findings.
type Findings struct {
	Items []Finding `json:"items" nullable:"false"`
}

// Finding is something that was found out about an object, and how to mend it.
type Finding struct {
	Check string `json:"check" doc:"A stable word"`
	Level string `json:"level" doc:"ok, note, warning, error"`
	Field string `json:"field,omitempty"`
	Cause string `json:"cause"`
	Mend  string `json:"mend,omitempty"`
}

// User is a person's account.
type User struct {
	ID    string        `json:"id" doc:"The sub of their tokens"`
	State idp.UserState `json:"state" enum:"pending,active,disabled"`
	UserData
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// UserData is what an administrator may say of a user.
type UserData struct {
	Username      string      `json:"username,omitempty" maxLength:"512"`
	Email         string      `json:"email,omitempty" maxLength:"512"`
	EmailVerified bool        `json:"email_verified,omitempty"`
	Roles         []string    `json:"roles,omitempty" maxItems:"64"`
	Profile       idp.Profile `json:"profile,omitempty"`
}

// NewUser is an account to be made.
type NewUser struct {
	UserData
	Sub            string        `json:"sub,omitempty" maxLength:"255" doc:"Their id, if applications know them by one from another provider; otherwise one is made"`
	State          idp.UserState `json:"state,omitempty" enum:"pending,active,disabled"`
	Password       string        `json:"password,omitempty" maxLength:"4096"`
	PasswordHash   string        `json:"password_hash,omitempty" maxLength:"4096" doc:"A hash from elsewhere, in place of password"`
	PasswordScheme string        `json:"password_scheme,omitempty" maxLength:"64" doc:"What the hash is, if it does not say so itself"`
}

// NewPassword is a password to be set.
type NewPassword struct {
	Password string `json:"password" maxLength:"4096"`
}

// Identity is a link between a user and an account at a provider.
type Identity struct {
	ID         string    `json:"id"`
	ProviderID string    `json:"provider_id"`
	Issuer     string    `json:"issuer"`
	Subject    string    `json:"subject"`
	Email      string    `json:"email,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
}

// Grant is what a user allowed a client.
type Grant struct {
	ClientID  string    `json:"client_id"`
	Scopes    []string  `json:"scopes" nullable:"false"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Session is one signed-in browser.
type Session struct {
	ID                string     `json:"id"`
	UserID            string     `json:"user_id"`
	AuthTime          time.Time  `json:"auth_time"`
	AMR               []string   `json:"amr" nullable:"false"`
	ACR               string     `json:"acr,omitempty" doc:"The strongest authentication context that the sign-in satisfies"`
	ProviderID        string     `json:"provider_id,omitempty"`
	UserAgent         string     `json:"user_agent,omitempty"`
	Address           string     `json:"address,omitempty"`
	CreatedAt         time.Time  `json:"created_at"`
	LastSeenAt        time.Time  `json:"last_seen_at"`
	IdleExpiresAt     time.Time  `json:"idle_expires_at"`
	ExpiresAt         time.Time  `json:"expires_at"`
	Live              bool       `json:"live" doc:"False if only the remember cookie can bring it back"`
	Remembered        bool       `json:"remembered"`
	RememberExpiresAt *time.Time `json:"remember_expires_at,omitempty"`
	RestoredAt        *time.Time `json:"restored_at,omitempty"`
}

// Logout is the receipt of one application for the news that a session ended.
type Logout struct {
	ID            string          `json:"id"`
	SessionID     string          `json:"session_id"`
	ClientID      string          `json:"client_id"`
	UserID        string          `json:"user_id"`
	State         idp.LogoutState `json:"state" enum:"waiting,delivered,failed"`
	Attempts      int             `json:"attempts"`
	Status        int             `json:"status,omitempty" doc:"HTTP status of the last answer"`
	Fault         string          `json:"fault,omitempty" doc:"What was wrong with the last attempt"`
	CreatedAt     time.Time       `json:"created_at"`
	NextAttemptAt *time.Time      `json:"next_attempt_at,omitempty"`
	DoneAt        *time.Time      `json:"done_at,omitempty"`
}

// Ended says how many sessions ended.
type Ended struct {
	Ended int64 `json:"ended"`
}

// RotateSecret is what to do about a new client secret.
type RotateSecret struct {
	Overlap idp.Seconds `json:"overlap,omitempty" minimum:"0" doc:"Seconds for which the old secrets stay good"`
}

// Key is a signing key without its private half.
type Key keys.Info

// RotateKey is what to do about a new key.
type RotateKey struct {
	Algorithm string `json:"alg" enum:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,Ed25519,RSA-OAEP,RSA-OAEP-256,ECDH-ES,ECDH-ES+A128KW,ECDH-ES+A256KW" doc:"Of a key that signs, or that decrypts what clients send"`
	Now       bool   `json:"now,omitempty" doc:"Sign at once: with the key that was published ahead, or else with a new one, which relying parties have not seen"`
}

// RetireKey is what to do about a key that shall no longer sign.
type RetireKey struct {
	Leaked bool `json:"leaked,omitempty" doc:"Take it out of the JWKS at once: every token it signed is refused"`
}

// Provider is an upstream that people can sign in with, without its client secret.
type Provider struct {
	ID string `json:"id"`
	ProviderData
	CallbackURL string    `json:"callback_url" doc:"What to register at the provider"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// ProviderData is what an administrator may say of a provider.
type ProviderData struct {
	Type              string            `json:"type" maxLength:"64" doc:"google, github, oidc, oauth2"`
	Name              string            `json:"name,omitempty" maxLength:"256"`
	Issuer            string            `json:"issuer,omitempty" maxLength:"2048"`
	ClientID          string            `json:"client_id,omitempty" maxLength:"1024"`
	Scopes            []string          `json:"scopes,omitempty" maxItems:"32"`
	HostedDomain      string            `json:"hosted_domain,omitempty" maxLength:"256"`
	AllowedDomains    []string          `json:"allowed_domains,omitempty" maxItems:"256"`
	TrustEmail        bool              `json:"trust_email,omitempty"`
	Linking           idp.LinkingPolicy `json:"linking,omitempty" maxLength:"32" doc:"never, prove, automatic"`
	Provision         bool              `json:"provision,omitempty" doc:"An unknown person gets an account"`
	EmailVerifiedText bool              `json:"email_verified_text,omitempty"`
	ClientAuthMethod  string            `json:"client_auth_method,omitempty" maxLength:"64"`
	VouchesFor        []idp.Voucher     `json:"vouches_for,omitempty" maxItems:"16" doc:"What its ID tokens are worth here; without any they prove no authentication context"`
	idp.ProviderEndpoints
	Disabled bool `json:"disabled,omitempty"`
}

// NewProvider is a provider to be made.
type NewProvider struct {
	ID string `json:"id" maxLength:"64" doc:"Part of its callback address"`
	ProviderData
	ClientSecret string `json:"client_secret" maxLength:"1024"`
}

// AuditEvent is a fact about a person's or an operator's act.
type AuditEvent struct {
	ID        string            `json:"id"`
	At        time.Time         `json:"at"`
	Type      string            `json:"type"`
	ActorKind string            `json:"actor_kind,omitempty"`
	ActorID   string            `json:"actor_id,omitempty"`
	UserID    string            `json:"user_id,omitempty"`
	ClientID  string            `json:"client_id,omitempty"`
	SessionID string            `json:"session_id,omitempty"`
	Address   string            `json:"address,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	RequestID string            `json:"request_id,omitempty"`
	Details   map[string]string `json:"details,omitempty"`
}

// AuditPage is one page of events. It always has a cursor, so that a caller can wait for more.
type AuditPage struct {
	Items  []AuditEvent `json:"items" nullable:"false"`
	Cursor string       `json:"cursor" doc:"Pass it as after to get what happened since"`
}

// Trace is the account of one protocol request.
type Trace struct {
	ID        string      `json:"id"`
	At        time.Time   `json:"at"`
	Endpoint  string      `json:"endpoint"`
	ClientID  string      `json:"client_id,omitempty"`
	Outcome   string      `json:"outcome"`
	Checks    []idp.Check `json:"checks" nullable:"false"`
	ExpiresAt time.Time   `json:"expires_at"`
}

func clientView(c *idp.Client) Client {
	v := Client{
		Registration: client.FromClient(c), Contract: c.Contract, ManagedBy: c.ManagedBy, Pending: c.Pending, Secrets: []Secret{},
		CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
	}
	for _, s := range c.Secrets {
		v.Secrets = append(v.Secrets, Secret{ID: s.ID, CreatedAt: s.CreatedAt.UTC(), ExpiresAt: s.ExpiresAt})
	}
	return v
}

func findingViews(list []client.Finding) Findings {
	out := Findings{Items: []Finding{}}
	for _, f := range list {
		out.Items = append(out.Items, Finding{Check: f.Check, Level: string(f.Level), Field: f.Field, Cause: f.Cause, Mend: f.Mend})
	}
	return out
}

func upstreamFindings(list []upstream.Finding) Findings {
	out := Findings{Items: []Finding{}}
	for _, f := range list {
		out.Items = append(out.Items, Finding{Check: f.Check, Level: string(f.Level), Cause: f.Cause, Mend: f.Mend})
	}
	return out
}

func userData(u *idp.User) UserData {
	return UserData{Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified, Roles: u.Roles, Profile: u.Profile}
}

func userView(u *idp.User) User {
	return User{ID: u.ID, State: u.State, UserData: userData(u), CreatedAt: u.CreatedAt.UTC(), UpdatedAt: u.UpdatedAt.UTC()}
}

func identityView(i *idp.Identity) Identity {
	return Identity{ID: i.ID, ProviderID: i.ProviderID, Issuer: i.Issuer, Subject: i.Subject, Email: i.Email, CreatedAt: i.CreatedAt.UTC(), LastUsedAt: i.LastUsedAt.UTC()}
}

func grantView(g *idp.Grant) Grant {
	return Grant{ClientID: g.ClientID, Scopes: orEmpty(g.Scopes), CreatedAt: g.CreatedAt.UTC(), UpdatedAt: g.UpdatedAt.UTC()}
}

func (s *server) sessionView(now time.Time) func(*idp.Session) Session {
	contexts := s.Contexts
	return func(s *idp.Session) Session {
		return Session{
			ID: s.ID, UserID: s.UserID, AuthTime: s.AuthTime.UTC(), AMR: orEmpty(s.AMR), ACR: contexts.Of(s.AMR, s.Contexts, nil), ProviderID: s.ProviderID, UserAgent: s.UserAgent, Address: s.Address,
			CreatedAt: s.CreatedAt.UTC(), LastSeenAt: s.LastSeenAt.UTC(), IdleExpiresAt: s.IdleExpiresAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(), Live: s.Live(now),
			Remembered: s.Remembered, RememberExpiresAt: s.RememberExpiresAt, RestoredAt: s.RestoredAt,
		}
	}
}

func logoutView(v *idp.Logout) Logout {
	out := Logout{
		ID: v.ID, SessionID: v.SessionID, ClientID: v.ClientID, UserID: v.UserID, State: v.State, Attempts: v.Attempts, Status: v.Status,
		Fault: v.Fault, CreatedAt: v.CreatedAt.UTC(), DoneAt: v.DoneAt,
	}
	if v.State == idp.LogoutWaiting {
		due := v.DueAt.UTC()
		out.NextAttemptAt = &due
	}
	return out
}

func auditView(e *idp.AuditEvent) AuditEvent {
	return AuditEvent{
		ID: e.ID, At: e.At.UTC(), Type: e.Type, ActorKind: e.ActorKind, ActorID: e.ActorID, UserID: e.UserID, ClientID: e.ClientID, SessionID: e.SessionID,
		Address: e.Address, UserAgent: e.UserAgent, RequestID: e.RequestID, Details: e.Details,
	}
}

func keyView(k keys.Info) Key {
	k.CreatedAt, k.ActiveAt = k.CreatedAt.UTC(), k.ActiveAt.UTC()
	return Key(k)
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
