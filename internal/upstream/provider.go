package upstream

import (
	"context"
	"log/slog"
	"net/url"
	"time"
)

// Provider is one upstream, ready for use. It is safe for concurrent use. Every error that it returns is an *idp.Error with one of
// the constants Code… whose Message may be shown; what the upstream said is only in Err, bounded and without control characters.
type Provider interface {
	// Begin returns the address to send the browser to, and what Finish will need. It may read the discovery document.
	Begin(ctx context.Context, req BeginRequest) (redirectURL string, pending Pending, err error)
	// Finish takes the parameters of the callback, exchanges the code and returns what the verified ID token says. The caller has
	// already found pending by the callback's state (see State), spent it, and compared the browser.
	Finish(ctx context.Context, pending Pending, callback url.Values, now time.Time) (Claims, error)
}

// BeginRequest is what one sign-in asks for. Nothing else than its three hints may come from a client: all other
// parameters of the authorization request are the operator's or our own.
type BeginRequest struct {
	RedirectURI string
	State       string   // random, made and stored by the caller
	ACRValues   []string // that this provider's settings know, so that its answer can vouch for what is asked for here
	// The hints.
	LoginHint string
	UILocales string
	Prompt    string // the words of OpenID Connect Core §3.1.2.1; others are left out
}

// Pending is what must wait, secret and bound to one browser, until the callback. The caller stores it encrypted under the digest of the state
// and spends it once.
type Pending struct {
	Nonce        string `json:"nonce"`
	CodeVerifier string `json:"code_verifier"`
	RedirectURI  string `json:"redirect_uri"`
}

// String hides the nonce and the verifier.
func (Pending) String() string { return "[pending sign-in]" }

// GoString hides the nonce and the verifier from %#v.
func (Pending) GoString() string { return "[pending sign-in]" }

// LogValue hides the nonce and the verifier.
func (Pending) LogValue() slog.Value { return slog.StringValue("[pending sign-in]") }

// Claims is what an upstream said about a person, after every check. Issuer and Subject are the identity, compared byte for byte;
// nothing else is.
type Claims struct {
	Issuer        string // always as configured, also when Google writes its other spelling
	Subject       string
	Email         string // canonical (idp.CanonicalEmail), or empty
	EmailVerified bool   // the upstream says so, in the form that the row accepts
	// EmailAuthoritative says that the upstream is trusted with addresses (Provider.TrustEmail) and answers for this very one today. Automatic
	// linking must ask for this, not for EmailVerified: Google verifies a foreign address once, when the account is made,
	// and says itself that only gmail.com and Workspace (hd) addresses are its own to speak for.
	EmailAuthoritative bool
	HostedDomain       string
	Name               string
	GivenName          string
	FamilyName         string
	Picture            string
	Locale             string
	PreferredUsername  string
	AuthTime           *time.Time
	ACR                string
	AMR                []string
}
