package clientauth

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"idp/internal/clientkeys"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/trace"
)

// Failure says why nobody was authenticated. Description may be sent to the client; it tells an outsider nothing about whether
// the client exists.
type Failure struct {
	Code        string // invalid_client, invalid_request
	Description string
}

// Error returns the description.
func (f *Failure) Error() string { return f.Description }

// Authenticator authenticates clients, all but those that sign from memory. Safe for concurrent use.
type Authenticator struct {
	// Client returns a client that may be used: idp.ErrNotFound if there is none, an *idp.Error that it may be told if it describes itself and is not taken.
	Client  func(ctx context.Context, id string) (*idp.Client, error)
	Keyring *secret.Keyring
	Keys    *clientkeys.Keys
	Store   *store.Store
	Issuer  string
	// Origins are those of the issuer and of the mTLS aliases.
	Origins []string
	// TokenPath is the path of the token endpoint, whose address is an audience of assertions at every endpoint.
	TokenPath string
	// TLSRoots are the authorities that tls_client_auth trusts; nil: nobody is authenticated that way.
	TLSRoots *x509.CertPool
}

func unknown() *Failure {
	return &Failure{idp.CodeInvalidClient, "Client authentication failed. The client's id, its secret or its method of authentication is wrong."}
}

// Authenticate returns the client that the request proves to come from. The error is a *Failure, that of before, or that of the database, which is
// away. Each outcome is a line of the trace.
//
// What is to be checked of the request of a client that is known, and spends nothing, is checked by before, if it is not nil: a client that is
// refused there may repeat its request with the same assertion. RFC 9449 §8: so do clients that learn a nonce from a refusal.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, form url.Values, before func(*idp.Client) error, t *trace.T, now time.Time) (*idp.Client, error) {
	cred, failure := read(r, form)
	if failure != nil {
		t.Fail(idp.Check{
			Name: "client authentication", Expected: "one method: " + strings.Join(idp.SupportedAuthMethods(), ", "),
			Received: failure.Description, Mend: "Send the client's credentials once: in the Authorization header, in the body, or as an assertion.", Clause: "RFC 6749 §2.3",
		})
		return nil, failure
	}
	t.SetClient(cred.id)
	client, err := a.Client(ctx, cred.id)
	if known := (*idp.Error)(nil); errors.As(err, &known) && (known.Kind == idp.Forbidden || known.Kind == idp.Invalid) {
		t.Fail(idp.Check{
			Name: "client's document is good", Expected: "a document at " + cred.id + " that can be taken", Received: known.Message,
			Mend: "Mend the document at that address. It is looked at again after a moment.", Clause: "Client ID Metadata Document §4",
		})
		return nil, &Failure{idp.CodeInvalidClient, known.Message}
	}
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return nil, err
	}
	if client == nil {
		a.Keyring.VerifyDigest(idp.SecretPurpose, "", cred.secret) // the same work as for a client that exists
		t.Fail(idp.Check{
			Name: "client exists and is enabled", Expected: "a registered client_id", Received: cred.id,
			Mend: "Compare the application's client_id with `idp client list`.", Clause: "RFC 6749 §2.3",
		})
		return nil, unknown()
	}
	// RFC 6749 §2.3.1: an empty secret may be left out, so one that is there says no more. Libraries send their empty setting.
	if client.Public() && cred.secret == "" && (cred.method == idp.AuthClientSecretBasic || cred.method == idp.AuthClientSecretPost) {
		cred.method = idp.AuthNone
	}
	if cred.method == idp.AuthNone { // RFC 8705 §2: the certificate is the proof, and the registration says of which kind
		cred.method = certificateMethod(client)
	}
	// RFC 6749 §2.3.2, OpenID Connect Core §9, RFC 9700 §2.5: the methods that the client is registered for, and no others.
	if !slices.Contains(client.AuthMethods, cred.method) {
		t.Fail(idp.Check{
			Name: "client authentication method", Expected: strings.Join(client.AuthMethods, " or "), Received: cred.method,
			Mend: mendMethod(client, cred.method), Clause: "RFC 6749 §2.3",
		})
		return nil, unknown()
	}
	var assertion *Claims
	switch cred.method {
	case idp.AuthClientSecretBasic, idp.AuthClientSecretPost:
		err = a.checkSecret(client, cred.secret, t, now)
	case idp.AuthClientSecretJWT, idp.AuthPrivateKeyJWT:
		assertion, err = a.checkAssertion(ctx, r, client, cred, t, now)
	case idp.AuthTLSClient, idp.AuthSelfSignedTLSClient:
		err = a.checkCertificate(ctx, client, cred.method, t, now)
	}
	if err != nil {
		return nil, err
	}
	t.Pass("client authentication")
	if before != nil {
		if err := before(client); err != nil {
			return nil, err
		}
	}
	if assertion != nil {
		if err := a.spend(ctx, client, assertion, t, now); err != nil {
			return nil, err
		}
	}
	return client, nil
}

// mendMethod never advises to make a client with a secret public, or the other way round: that is another kind of application.
func mendMethod(client *idp.Client, method string) string {
	switch {
	case method == idp.AuthNone:
		return "Send the client's credentials with the request: the application has none in its settings, or keeps them back."
	case client.Public():
		return "Take the secret out of the application's settings: this client is registered as one that can keep none."
	}
	return "Change the application's setting, or allow the method: `idp client update " + client.ID + " --auth-method " + strings.Join(append(slices.Clone(client.AuthMethods), method), ",") + "`."
}

func (a *Authenticator) checkSecret(c *idp.Client, given string, t *trace.T, now time.Time) error {
	if a.secretFits(c, given, now) {
		return nil
	}
	t.Fail(idp.Check{
		Name: "client secret", Expected: "a secret of this client that has not expired", Received: "another secret",
		Mend: "Copy the secret again, without spaces or line ends, or make a new one: `idp client rotate-secret " + c.ID + "`.", Clause: "RFC 6749 §2.3.1",
	})
	return unknown()
}

func (a *Authenticator) secretFits(c *idp.Client, given string, now time.Time) bool {
	fits := false
	for _, s := range c.Secrets {
		if s.ExpiresAt != nil && !now.Before(*s.ExpiresAt) {
			continue
		}
		if a.Keyring.VerifyDigest(idp.SecretPurpose, s.Digest, given) || given != unescape(given) && a.Keyring.VerifyDigest(idp.SecretPurpose, s.Digest, unescape(given)) {
			fits = true
		}
	}
	return fits
}
