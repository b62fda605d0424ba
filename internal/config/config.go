package config

import (
	"net/netip"
	"time"
)

// Config is every setting of a server. The comment of a field is its text in docs/config.md; the tags are explained at field.
type Config struct {
	// Issuer is the public address of this server, as browsers and applications see it. It is the `iss` of every token, so it must
	// never change once an application trusts it. https, unless the host is localhost, 127.0.0.1 or [::1]; it may have a path
	// but no query, fragment, user name or trailing slash.
	Issuer string `key:"issuer" env:"IDP_ISSUER" flag:"issuer" derived:"http://localhost and the port of listen" example:"https://id.example.com"`
	// Listen is the address and port that the public side listens on. Without a public issuer only this machine can connect. The
	// variable PORT, which container platforms set, stands for ":" and its value.
	Listen string `key:"listen" env:"IDP_LISTEN" flag:"listen" derived:":8080 with a public issuer, else localhost:8080" example:":8080"`
	// OpsListen is the address and port of the operators' side: metrics and health. Keep it off the internet. "off" closes it; health
	// is answered on the public side too.
	OpsListen string `key:"ops_listen" env:"IDP_OPS_LISTEN" flag:"ops-listen" default:"localhost:8081"`
	// DataDir is the folder for what the server keeps on disk: the SQLite database, the key ring, the first administrator's token.
	DataDir string `key:"data_dir" env:"IDP_DATA_DIR" flag:"data-dir" derived:"$STATE_DIRECTORY, else ./idp-data"`
	// Database says where the data is kept.
	Database Database `key:"database"`
	// KeyringFile holds the keys that encrypt secrets in the database. With SQLite it is created at the first start, readable by its
	// owner only. With PostgreSQL it must be given, because all replicas need the same one; make it once with
	// `(umask 077; echo "k1:$(openssl rand -base64 32)" > keyring)`. Each line is a key; the first one encrypts, all of them decrypt.
	// Whoever loses the file loses the signing keys and the upstream secrets; whoever copies it together with the database can
	// read them.
	KeyringFile string `key:"keyring_file" env:"IDP_KEYRING_FILE" derived:"$CREDENTIALS_DIRECTORY/keyring if it is there, else keyring in data_dir (SQLite only)"`
	// TrustedProxies are the networks whose Forwarded and X-Forwarded-* headers are believed. Everybody else's are ignored, because
	// a client could write them itself.
	TrustedProxies []netip.Prefix `key:"trusted_proxies" env:"IDP_TRUSTED_PROXIES" example:"10.0.0.0/8"`
	// Log says what is logged and how.
	Log Log `key:"log"`
	// Session bounds how long a browser stays signed in.
	Session Session `key:"session"`
	// Password says how passwords are judged and hashed.
	Password Password `key:"password"`
	// Throttle slows down guessing.
	Throttle Throttle `key:"throttle"`
	// Keys says when signing keys change.
	Keys Keys `key:"keys"`
	// DPoP says what proofs of possession must hold (RFC 9449).
	DPoP DPoP `key:"dpop"`
	// Audit says how long the record of people's and operators' acts is kept.
	Audit Audit `key:"audit"`
	// Trace says how long the explanation of each request is kept.
	Trace Trace `key:"trace"`
	// Requests says what applications' authorization requests must be like.
	Requests Requests `key:"requests"`
	// AuthenticationContexts are the kinds of sign-in that this server vouches for (`acr`), weakest first: each a name, which is an absolute URI or a
	// registered word, then an equals sign and the methods that a sign-in here must have used ("pwd" is the password), with a plus between them. One
	// without methods is reached through an upstream that vouches for it (`idp provider update --vouches-for`). Applications ask for them by
	// acr_values and the claims parameter, and tokens say which one the sign-in satisfies. Discovery lists them; an empty list claims nothing.
	AuthenticationContexts []string `key:"authentication_contexts" default:"urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport=pwd" example:"urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport=pwd, https://refeds.org/profile/mfa"`
	// Registration says who may create an account: with "closed" operators only, with "open" everybody, on a page of their own at /register. Addresses
	// stay unconfirmed (email_verified is false), because this server sends no mail yet.
	Registration string `key:"registration" default:"closed" enum:"closed,open"`
	// ClientRegistration says whether applications may register themselves (RFC 7591).
	ClientRegistration ClientRegistration `key:"client_registration"`
	// ClientDocuments says whether an application may be known by the https address of a document that describes it (Client ID Metadata Documents).
	ClientDocuments ClientDocuments `key:"client_documents"`
	// Assertions says whose word about people applications may trade for tokens (RFC 7523).
	Assertions Assertions `key:"assertions"`
	// MCP is the one switch for tool servers of the Model Context Protocol: applications that nobody registered are known by the document at their
	// client id, each after an administrator's approval (client_documents.trust says otherwise). What else that protocol asks for is always on.
	MCP bool `key:"mcp" default:"false"`
	// Brand is what people see on the pages.
	Brand Brand `key:"brand"`
	// Bootstrap fills an empty server without a person.
	Bootstrap Bootstrap `key:"bootstrap"`
	// Metrics serves Prometheus figures at /metrics of ops_listen.
	Metrics bool `key:"metrics" default:"true"`
	// Limits bounds what a stranger may send.
	Limits Limits `key:"limits"`
	// TLS lets the server end TLS itself, without a proxy in front.
	TLS TLS `key:"tls"`
	// MTLS says how applications that prove themselves by a certificate of their own reach this server (RFC 8705).
	MTLS MTLS `key:"mtls"`
	// Outbound says what this server may call because an application named it: its keys, its notification addresses.
	Outbound Outbound `key:"outbound"`
	// SeedFile names users and clients to create at every start, for tests and demonstrations. The server refuses to start with it
	// unless the issuer's host is this machine or ends in .test, .localhost or .example.
	SeedFile string `key:"seed_file" path:"file"`
	// ShutdownDelay is how long the server goes on serving after it has been told to stop and has begun to answer "not ready", so that
	// load balancers stop sending before it stops listening.
	ShutdownDelay time.Duration `key:"shutdown_delay" derived:"3s with a public issuer, else 0s" max:"5m"`
	// ShutdownGrace is how long requests under way may take to finish after that.
	ShutdownGrace time.Duration `key:"shutdown_grace" default:"10s" max:"10m"`
	// Dev allows demonstration data and plain http, for trying things out on one's own machine. It can only be given as a flag, so
	// that no forgotten line in a file turns a real server into a toy.
	Dev bool `key:"dev" flag:"dev" only:"flag" default:"false"`
	// DevExposed lets a server started with --dev listen to other machines. Everybody who can reach it can use the demo account.
	DevExposed bool `key:"dev_exposed" flag:"dev-exposed" only:"flag" default:"false"`

	origins map[string]string // key → where its value came from
	file    string            // the file that was read, if one was
}

// Database says where the data is kept.
type Database struct {
	// URL of the database: `postgres://user:password@host/name`, or `sqlite:path`.
	URL Secret `key:"url" env:"IDP_DATABASE_URL" flag:"database-url" secret:"url" derived:"sqlite: and idp.db in data_dir" example:"postgres://idp@db.example.com/idp"`
	// MaxConnections is how many connections to PostgreSQL one process opens at most. No request ever holds two.
	MaxConnections int `key:"max_connections" default:"16" min:"1" max:"1000"`
}

// Log says what is logged and how.
type Log struct {
	// Level is the least important level that is logged.
	Level string `key:"level" env:"IDP_LOG_LEVEL" flag:"log-level" default:"info" enum:"debug,info,warn,error"`
	// Format of a line; "auto" is text on a terminal and JSON everywhere else.
	Format string `key:"format" env:"IDP_LOG_FORMAT" flag:"log-format" default:"auto" enum:"auto,json,text"`
}

// Session bounds how long a browser stays signed in.
type Session struct {
	// Idle ends a session that nobody has used for this long; each use moves it. A day, so that who signs in every morning types a
	// password once a week. NIST SP 800-63B-4 asks for at most 1h at AAL2: set that, and max to 24h, where it matters.
	Idle time.Duration `key:"idle" default:"24h" min:"10s" max:"400d"`
	// Max ends a session this long after sign-in, used or not. Activity never moves it.
	Max time.Duration `key:"max" default:"7d" min:"10s" max:"400d"`
	// Remember is how long "keep me signed in" lasts on one device. 400 days is the most that browsers keep a cookie.
	// The cookie serves once and is replaced, so that a copied one serves one of its two holders. Of several tabs that a browser restores at
	// once, therefore, one brings the session back, and the others ask for a sign-in until they are opened anew from the application.
	Remember time.Duration `key:"remember" default:"30d" min:"1h" max:"400d"`
	// Protection says what happens when a session comes from another browser or network than it began in: "off" nothing, "reauth" asks
	// for the password again, "revoke" ends the session. Phones change networks all day, hence off.
	Protection string `key:"protection" default:"off" enum:"off,reauth,revoke"`
}

// Password says how passwords are judged and hashed.
type Password struct {
	// Algorithm for new hashes. Others are verified too, and replaced at the next sign-in.
	Algorithm string `key:"algorithm" default:"argon2id" enum:"argon2id,bcrypt"`
	// Memory that one Argon2id hash takes.
	Memory Size `key:"memory" default:"19MiB" max:"256MiB"`
	// Iterations of Argon2id. The pair of memory and iterations must not be weaker than OWASP's: 46MiB×1, 19MiB×2, 12MiB×3, 9MiB×4, 7MiB×5.
	// Tests may: with seed_file, and with --dev, any pair is taken.
	Iterations int `key:"iterations" default:"2" min:"1" max:"10"`
	// Parallelism of Argon2id.
	Parallelism int `key:"parallelism" default:"1" min:"1" max:"16"`
	// BcryptCost is used with algorithm bcrypt only.
	BcryptCost int `key:"bcrypt_cost" default:"12" min:"10" max:"16"`
	// MinLength of a new password, in characters. There are no rules about kinds of characters, and never will be (NIST SP 800-63B-4 §3.1.1.2).
	MinLength int `key:"min_length" default:"12" min:"8" max:"64"`
	// HashMemoryBudget bounds the memory of all hashes that run at once.
	HashMemoryBudget Size `key:"hash_memory_budget" default:"256MiB" min:"8MiB" max:"64GiB"`
	// Queue is how many sign-ins may wait for a hash; the next one is answered 503 with Retry-After.
	Queue int `key:"queue" default:"128" min:"1" max:"10000"`
	// Breached compares new passwords with those known from breaches, by the first five digits of their SHA-1 (nobody learns the password):
	// "normal" accepts the password if the service does not answer, "strict" refuses it.
	Breached string `key:"breached" default:"off" enum:"off,normal,strict"`
	// BreachedURL is the range service that is asked; five hexadecimal digits are appended.
	BreachedURL string `key:"breached_url" default:"https://api.pwnedpasswords.com/range/"`
	// BreachedFile is a downloaded list that is searched instead, so that nobody is asked: lines of SHA-1, colon and count, ordered by SHA-1.
	BreachedFile string `key:"breached_file" path:"file" example:"/var/lib/idp/pwned-passwords.txt"`
}

// Throttle slows down guessing. Nobody is ever locked out for good.
type Throttle struct {
	// PerAccount is how many failed sign-ins an account allows within window before each further one has to wait longer.
	PerAccount int `key:"per_account" default:"10" min:"1" max:"1000"`
	// PerAddress is the same for one address (IPv6: its /64), whichever accounts it tries. Offices share an address, hence more.
	PerAddress int `key:"per_address" default:"100" min:"1" max:"100000"`
	// Window is how long a failure counts.
	Window time.Duration `key:"window" default:"15m" min:"1m" max:"24h"`
	// Starts is how many sign-ins one address (IPv6: its /64) may begin in a minute, finished or not, a fifth of them at once; the next is
	// answered 429. All of an IPv6 /48 together may begin sixteen times as many. Raise it where very many people come from one address, as behind a carrier's NAT.
	Starts int `key:"starts" derived:"300 with a public issuer, else 100000" min:"1" max:"1000000"`
	// Pushed is how many requests one application may push in a minute (RFC 9126), a fifth of them at once; the next is answered 429. Each replica counts for itself.
	// What is pushed for an application that has no secret, and what fails to authenticate, counts for its address instead, as Starts do.
	Pushed int `key:"pushed" derived:"6000 with a public issuer, else 1000000" min:"1" max:"10000000"`
	// Registrations is how many accounts one address (IPv6: its /64) may try to create in an hour where registration is open. Tries count, because each tells
	// whether a name is taken. All addresses of a /24 (IPv6: /48) together may try four times as often, those of a /16 (IPv6: /32) sixteen times.
	Registrations int `key:"registrations" default:"30" min:"1" max:"1000000"`
	// RegistrationsTotal is the same for everybody together. The first three tries of each /24 (IPv6: /48) do not count for it, but for ten times as many: so
	// whoever has many addresses learns, and fills, little more than this, and keeps nobody else out.
	RegistrationsTotal int `key:"registrations_total" default:"1000" min:"1" max:"100000000"`
	// MaxDelay is the longest wait between two tries, so that a stranger cannot shut the owner out for ever.
	MaxDelay time.Duration `key:"max_delay" default:"15m" min:"1s" max:"24h"`
}

// Keys says when signing keys change.
type Keys struct {
	// RotateEvery is the age at which a signing key gets its successor.
	RotateEvery time.Duration `key:"rotate_every" default:"90d" min:"1h" max:"3650d"`
	// PublishBefore is how long a new key is in the JWKS before it signs, so that applications that cache the JWKS know it by then.
	PublishBefore time.Duration `key:"publish_before" default:"24h" min:"1m" max:"90d"`
}

// DPoP says what proofs of possession must hold (RFC 9449).
type DPoP struct {
	// RequireNonce asks for a nonce of this server in every DPoP proof. Clients learn it from an error and repeat their request, so the first
	// one takes a round trip more. A client can be registered for it too, with require_dpop_nonce.
	RequireNonce bool `key:"require_nonce" default:"false"`
}

// Audit says how long the record of people's and operators' acts is kept.
type Audit struct {
	// Retention of audit events. 400 days cover a year and the month in which one looks back at it.
	Retention time.Duration `key:"retention" default:"400d" min:"1d" max:"36500d"`
}

// Trace says how long the explanation of each request is kept.
type Trace struct {
	// Retention of traces, which `idp trace` prints. Of a flood 20 a second are kept of each kind (failed, waiting for the person, answered),
	// and never many more than the newest 100,000.
	Retention time.Duration `key:"retention" default:"24h" min:"1m" max:"30d"`
}

// Requests says what applications' authorization requests must be like.
type Requests struct {
	// RequirePushed takes from every application only requests that it pushed before it sent the browser (RFC 9126). Without it an application can be held to that by
	// its own registration.
	RequirePushed bool `key:"require_pushed" default:"false"`
	// UserInfoMaxAge is how old the sign-in behind an access token may be at UserInfo. An older one is told to come again with max_age
	// (RFC 9470); 0 sets no bound.
	UserInfoMaxAge time.Duration `key:"user_info_max_age" default:"0s" max:"400d"`
}

// Brand is what people see on the pages.
type Brand struct {
	// Name of the service, in titles and on the sign-in page.
	Name string `key:"name" default:"idp"`
	// Accent colour of buttons and links, as #rrggbb. Empty is the built-in one.
	Accent string `key:"accent" example:"#0b5fff"`
	// Logo is an image file (.svg, .png or .webp) shown above the forms.
	Logo string `key:"logo" path:"file"`
	// PrivacyURL is linked at the foot of every page, with TermsURL and SupportURL.
	PrivacyURL string `key:"privacy_url" example:"https://example.com/privacy"`
	// TermsURL of your terms of service.
	TermsURL string `key:"terms_url" example:"https://example.com/terms"`
	// SupportURL is where people get help: https, or mailto.
	SupportURL string `key:"support_url" example:"mailto:help@example.com"`
	// ThemeDir is a folder with any of templates, static and locales: a file in them replaces the built-in one of its name, and a locales file that
	// has only some sentences replaces those. A tag of its own (fi.json) adds a language.
	ThemeDir string `key:"theme_dir" path:"dir"`
}

// Bootstrap fills an empty server without a person.
type Bootstrap struct {
	// AdminEmail is the address of the administrator that is created if there is none.
	AdminEmail string `key:"admin_email" example:"ops@example.com"`
	// AdminPassword of that administrator: the password, or its hash in PHC form. Without it the server writes a one-time token to a
	// file in data_dir and logs the path.
	AdminPassword Secret `key:"admin_password" secret:"true"`
	// Dir is a folder of client files that are applied at each start, as `idp client apply -f` does.
	Dir string `key:"dir" path:"dir"`
}

// Outbound says what this server may call because an application named it.
type Outbound struct {
	// Allow names hosts and networks inside that may be called. Without it only addresses of the public internet are, because whoever
	// registers an application could otherwise have this server call what only it can reach. With --dev this machine is among them.
	Allow []string `key:"allow" example:"keys.corp.example, 10.20.0.0/16"`
	// CAFile holds certificates, in PEM, of authorities that are trusted for these calls beside the system's.
	CAFile string `key:"ca_file" path:"file" example:"/etc/idp/corp-ca.pem"`
}

// ClientRegistration says whether applications may register themselves (RFC 7591).
type ClientRegistration struct {
	// Mode is who may register an application at /oauth2/register: nobody ("off"), who has a token of `idp client registration-token create` ("token"),
	// or everybody ("open"). An application that registered itself never administers and always asks people for consent.
	Mode string `key:"mode" default:"off" enum:"off,token,open"`
	// Scopes are what such an application may ask for, beside those of the protected resources (`idp resource list`), where its token does not say
	// otherwise.
	Scopes []string `key:"scopes" default:"openid, profile, email, offline_access"`
	// GrantTypes are those that such an application may be registered for, where its token does not say otherwise. "implicit" lets tokens pass through
	// browsers' addresses.
	GrantTypes []string `key:"grant_types" default:"authorization_code, refresh_token"`
	// Quota is how many applications that registered themselves openly are kept.
	Quota int `key:"quota" default:"1000" min:"0" max:"1000000"`
	// PerHour is how many registrations one address (IPv6: its /64) may try in an hour.
	PerHour int `key:"per_hour" default:"20" min:"1" max:"1000000"`
	// UnusedAfter is how long an application that named itself is kept without anybody having allowed it anything. Those that an administrator
	// approved, or that came with a token, stay.
	UnusedAfter time.Duration `key:"unused_after" default:"30d" min:"1h" max:"3650d"`
	// StatementIssuers are who may vouch for an application in a signed software statement: each an issuer, an equals sign, and the address or the
	// file of its JWK Set.
	StatementIssuers []string `key:"statement_issuers" example:"https://bank-directory.example=https://bank-directory.example/jwks.json"`
	// StatementRequired refuses registrations without such a statement.
	StatementRequired bool `key:"statement_required" default:"false"`
}

// Assertions says whose word about people applications may trade for tokens (RFC 7523). Which application may use which issuer its registration says
// (`idp client update --assertion-issuer`).
type Assertions struct {
	// Issuers are who may vouch for people in a signed JWT: each an issuer, an equals sign, and the address or the file of its JWK Set. Its sub is the
	// issuer's own name for the person, whose account here must be linked to it, as it is after a sign-in through an upstream provider of this issuer.
	Issuers []string `key:"issuers" example:"https://login.corp.example=https://login.corp.example/jwks.json"`
	// UserIDIssuers are those of them whose sub is the id of a user of this server. Such an issuer can name everybody here.
	UserIDIssuers []string `key:"user_id_issuers" example:"https://batch.corp.example"`
}

// ClientDocuments says whether an application may be known by the https address of a document that describes it.
type ClientDocuments struct {
	// Trust is which applications are taken: none ("off"), those of the hosts below ("hosts"), those and whatever an administrator approves ("approval":
	// `idp client pending`, `idp client approve`), or all ("open").
	Trust string `key:"trust" derived:"approval with mcp, else off" enum:"off,hosts,approval,open" example:"hosts"`
	// Hosts are those whose applications are taken unseen. A name that begins with a dot stands for every host below it.
	Hosts []string `key:"hosts" example:"vscode.dev, .tools.example"`
	// Scopes are what such an application may ask for, beside those of the protected resources (`idp resource list`).
	Scopes []string `key:"scopes" default:"openid, profile, email, offline_access"`
	// Quota is how many such applications that nobody here has approved are kept.
	Quota int `key:"quota" default:"1000" min:"0" max:"1000000"`
	// PerHour is how many applications that are not yet known one address (IPv6: its /64) may bring along in an hour.
	PerHour int `key:"per_hour" default:"30" min:"1" max:"1000000"`
}

// TLS lets the server end TLS itself, without a proxy in front.
type TLS struct {
	// CertFile holds the server's certificate and those between it and the root, in PEM. With it the server speaks https alone at listen: TLS 1.3, and
	// 1.2 with ECDHE and AES-GCM. Both files are read again when they change.
	CertFile string `key:"cert_file" path:"file" example:"/etc/idp/tls.crt"`
	// KeyFile holds the certificate's private key, in PEM.
	KeyFile string `key:"key_file" path:"file" example:"/etc/idp/tls.key"`
}

// MTLS says how applications that prove themselves by a certificate of their own reach this server (RFC 8705).
type MTLS struct {
	// Certificates says where applications' certificates come from: "tls" asks for one when this server ends TLS itself, "header" takes what a trusted
	// proxy found in its own connection and writes into a header. Nobody needs to have one.
	Certificates string `key:"certificates" default:"off" enum:"off,tls,header"`
	// Header is where a proxy of trusted_proxies writes the certificate, as RFC 9440 says or as PEM with percent escapes (nginx). The proxy must remove the
	// header from what applications send; from anybody else's requests this server removes it.
	Header string `key:"header" default:"Client-Cert"`
	// CAFile holds the authorities, in PEM, whose certificates the method tls_client_auth takes. Without it there is only self_signed_tls_client_auth.
	CAFile string `key:"ca_file" path:"file" example:"/etc/idp/clients-ca.pem"`
	// URL is a second address of this server, for applications with certificates; discovery tells it as mtls_endpoint_aliases. If this server
	// ends TLS, only connections to this host are asked for a certificate, so that no browser shows its user a list of them.
	URL string `key:"url" example:"https://mtls.id.example.com"`
}

// Limits bounds what a stranger may send.
type Limits struct {
	// Body of a form or a protocol request.
	Body Size `key:"body" default:"64KiB" min:"8KiB" max:"16MiB"`
	// APIBody of a request to the admin API.
	APIBody Size `key:"api_body" default:"1MiB" min:"8KiB" max:"64MiB"`
	// Header is the size of the request line and all headers together.
	Header Size `key:"header" default:"32KiB" min:"4KiB" max:"1MiB"`
	// Loop is how many times in 20 seconds one session may be sent by one application before a page explains that the application
	// cannot keep its own cookie; 0 never shows that page.
	Loop int `key:"loop" default:"8" min:"0" max:"1000000"`
}
