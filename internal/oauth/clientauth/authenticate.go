package clientauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"idp/internal/directory"
	"idp/internal/idp"
	"idp/internal/secret"
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

// Authenticator authenticates clients from memory. Safe for concurrent use.
type Authenticator struct {
	Clients *directory.Clients
	Keyring *secret.Keyring
}

// credentials is what the request presents.
type credentials struct {
	method, id, secret string
}

// Authenticate returns the client that the request proves to come from. The error is a *Failure, or that of the directory (the
// database is away). Each outcome is a line of the trace.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, form url.Values, t *trace.T, now time.Time) (*idp.Client, error) {
	cred, failure := read(r, form)
	if failure != nil {
		t.Fail(idp.Check{
			Name: "client authentication", Expected: "one method: client_secret_basic, client_secret_post or none",
			Received: failure.Description, Mend: "Send the client's credentials once, in the Authorization header or in the body.", Clause: "RFC 6749 §2.3",
		})
		return nil, failure
	}
	t.SetClient(cred.id)
	client, err := a.Clients.Get(ctx, cred.id)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return nil, err
	}
	unknown := &Failure{"invalid_client", "Client authentication failed. The client's id, its secret or its method of authentication is wrong."}
	if client == nil {
		a.Keyring.VerifyDigest(idp.SecretPurpose, "", cred.secret) // the same work as for a client that exists
		t.Fail(idp.Check{
			Name: "client exists and is enabled", Expected: "a registered client_id", Received: cred.id,
			Mend: "Compare the application's client_id with `idp client list`.", Clause: "RFC 6749 §2.3",
		})
		return nil, unknown
	}
	// OpenID Connect Core §9, RFC 9700 §2.5: the methods that the client is registered for, and no others.
	if !slices.Contains(client.AuthMethods, cred.method) {
		t.Fail(idp.Check{
			Name: "client authentication method", Expected: strings.Join(client.AuthMethods, " or "), Received: cred.method,
			Mend: mendMethod(client, cred.method), Clause: "RFC 6749 §2.3",
		})
		return nil, unknown
	}
	if cred.method != idp.AuthNone && !a.secretFits(client, cred.secret, now) {
		t.Fail(idp.Check{
			Name: "client secret", Expected: "a secret of this client that has not expired", Received: "another secret",
			Mend: "Copy the secret again, without spaces or line ends, or make a new one: `idp client rotate-secret " + client.ID + "`.", Clause: "RFC 6749 §2.3.1",
		})
		return nil, unknown
	}
	t.Pass("client authentication")
	return client, nil
}

// mendMethod never advises to make a client with a secret public, or the other way round: that is another kind of application.
func mendMethod(client *idp.Client, method string) string {
	switch {
	case method == idp.AuthNone:
		return "Send the client's secret with the request: the application has none in its settings, or keeps it back."
	case client.Public():
		return "Take the secret out of the application's settings: this client is registered as one that can keep none."
	}
	return "Change the application's setting, or allow the method: `idp client update " + client.ID + " --auth-method " + strings.Join(append(slices.Clone(client.AuthMethods), method), ",") + "`."
}

// read finds the one method that the request uses.
func read(r *http.Request, form url.Values) (credentials, *Failure) {
	c := credentials{method: idp.AuthNone, id: form.Get("client_id")}
	authorization := r.Header.Get("Authorization")
	_, inBody := form["client_secret"]
	switch {
	case form.Has("client_assertion"), form.Has("client_assertion_type"):
		return c, &Failure{"invalid_client", "Client assertions are not accepted for this client."}
	case authorization != "" && inBody:
		// RFC 6749 §2.3: one method in each request.
		return c, &Failure{"invalid_request", "The request has client credentials in the Authorization header and in the body. Send them once."}
	case authorization != "":
		id, password, ok := r.BasicAuth()
		if !ok {
			return c, &Failure{"invalid_client", "The Authorization header is not of the form \"Basic …\"."}
		}
		c.method, c.secret = idp.AuthClientSecretBasic, password
		if c.id != "" && c.id != id && c.id != unescape(id) {
			return c, &Failure{"invalid_request", "The client_id in the body is not the client in the Authorization header."}
		}
		c.id = id
	case inBody:
		c.method, c.secret = idp.AuthClientSecretPost, form.Get("client_secret")
	}
	if c.id == "" {
		return c, &Failure{"invalid_client", "The request names no client: client_id or an Authorization header is missing."}
	}
	if c.method == idp.AuthClientSecretBasic {
		c.id = unescape(c.id)
	}
	return c, nil
}

// unescape undoes the form encoding that RFC 6749 §2.3.1 asks for and half of the client libraries leave out. Ids and secrets
// that we make hold no character that the two read differently.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return plain
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
