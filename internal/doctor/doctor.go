package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/upstream"
)

// Level says how bad a finding is.
type Level string

// The levels: an error stops people from signing in or lays a secret open, a warning will one day, or may for some.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Error   Level = "error"
)

// Finding is one thing that was looked at.
type Finding struct {
	Check string `json:"check"` // a stable word: issuer, tls, proxy, …
	Level Level  `json:"level"`
	Cause string `json:"cause"`
	Mend  string `json:"mend,omitempty"`
}

// Facts is what is known of the deployment before it is looked at. An error stands where something could not be had.
type Facts struct {
	Issuer         string
	Listen         string
	TLS            *tls.Config // how to recognise a server that ends TLS itself; nil: it speaks plain http
	TrustedProxies []netip.Prefix
	DataDir        string   // empty if nothing is kept in one
	PrivateFiles   []string // that only their owner should read
	RotateEvery    time.Duration
	PublishBefore  time.Duration

	Store       *store.Store // nil if DatabaseErr says why
	DatabaseErr error
	Keyring     *secret.Keyring // nil if KeyringErr says why
	KeyringErr  error
	// DatabaseMend and KeyringMend say what helps against these two, where the caller knows better than this package.
	DatabaseMend, KeyringMend string
	Sealed                    []Sealed

	Contexts idp.AuthenticationContexts
	Upstream *upstream.Registry
	// OpenProvider returns a provider of the database with its secret in clear.
	OpenProvider func(*store.SealedProvider) (*idp.Provider, error)
	// DescribeKeys returns the signing keys, once the key ring could be read.
	DescribeKeys func(context.Context) ([]keys.Info, error)

	Client *http.Client // follows no redirects; nil: one that is made for the purpose
}

// Sealed is one encrypted value of the database.
type Sealed struct {
	What    string
	Value   string
	Binding secret.Binding
}

const probeTimeout = 10 * time.Second

// errTold stands for a fault of the database that has been told: what is kept in it is not looked at any more.
var errTold = errors.New("told above")

// Run makes every check and returns the findings in their order.
func Run(ctx context.Context, f Facts) []Finding {
	if f.Client == nil {
		f.Client = newClient()
	}
	r := &report{}
	f.files(r)
	if !f.database(ctx, r) && f.DatabaseErr == nil {
		f.DatabaseErr = errTold
	}
	f.secrets(r)
	f.signingKeys(ctx, r, time.Now())
	f.upstreams(ctx, r)
	f.contexts(ctx, r)
	f.listening(r)
	f.outside(ctx, r)
	return r.findings
}

// newClient asks as a browser would, but goes where it is told: no proxy of the environment, no redirect.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       probeTimeout,
		Transport:     &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: probeTimeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type report struct{ findings []Finding }

func (r *report) ok(check, cause string) {
	r.findings = append(r.findings, Finding{Check: check, Level: OK, Cause: cause})
}

func (r *report) warn(check, cause, mend string) {
	r.findings = append(r.findings, Finding{Check: check, Level: Warning, Cause: cause, Mend: mend})
}

func (r *report) fail(check, cause, mend string) {
	r.findings = append(r.findings, Finding{Check: check, Level: Error, Cause: cause, Mend: mend})
}
