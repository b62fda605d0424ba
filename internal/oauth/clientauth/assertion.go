package clientauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/client"
	"idp/internal/clientkeys"
	"idp/internal/idp"
	"idp/internal/jws"
	"idp/internal/trace"
	"idp/internal/untrusted"
)

const replayKind = "client_assertion"

// bounds of the header of an assertion, and of its claims.
var bounds = untrusted.Bounds{Bytes: maxAssertion, Depth: 8}

// checkAssertion checks that the client signed the assertion, for us and now, and returns its claims. That it did so for the first time is for spend.
func (a *Authenticator) checkAssertion(ctx context.Context, r *http.Request, c *idp.Client, cred credentials, t *trace.T, now time.Time) (*Claims, error) {
	payload, header, err := a.verify(ctx, c, cred, now)
	if err != nil {
		if !errors.Is(err, clientkeys.ErrSignature) && !errors.Is(err, clientkeys.ErrNoKeys) {
			return nil, err
		}
		t.Fail(idp.Check{
			Name: "signature of the client assertion", Expected: "signed by the client with " + strings.Join(algsOf(c, cred.method), ", "), Received: err.Error(),
			Mend: mendKeys(c, cred.method), Clause: "RFC 7523 §3",
		})
		return nil, unknown()
	}
	fault, claims := TypeFault(header, "client-authentication+jwt"), new(Claims)
	if fault == "" {
		if err := untrusted.Decode(payload, bounds, claims); err != nil {
			fault = "a claim is of the wrong type, or stands there twice"
		} else if fault = clientFault(claims, c, now); fault == "" {
			fault = a.audienceFault(r, c, claims.Audience)
		}
	}
	if fault != "" {
		t.Fail(idp.Check{
			Name: "claims of the client assertion", Expected: "iss and sub the client_id, aud this server, exp within an hour, a jti", Received: fault,
			Mend: "Let the application make a new assertion for each request, with " + a.Issuer + " as its aud.", Clause: "RFC 7523 §3",
		})
		return nil, &Failure{idp.CodeInvalidClient, "The client assertion is refused: " + fault + "."}
	}
	return claims, nil
}

// spend takes an assertion once. RFC 7523 §3 (7), OpenID Connect Core §9: its jti is good once, on whichever replica. Nothing is remembered of what
// was not signed.
func (a *Authenticator) spend(ctx context.Context, c *idp.Client, claims *Claims, t *trace.T, now time.Time) error {
	first, err := a.Store.FirstUse(ctx, replayKind, c.ID+" "+claims.ID, claims.Remembered(), now)
	if err != nil {
		return err
	}
	if !first {
		t.Fail(idp.Check{
			Name: "client assertion is used once", Expected: "a jti that did not come before", Received: "a jti that did",
			Mend: "Let the application make a new assertion for each request. If it does, somebody else has a copy of one.", Clause: "OpenID Connect Core §9",
		})
		return &Failure{idp.CodeInvalidClient, "The client assertion was used before. Make a new one for each request."}
	}
	return nil
}

// algsOf lists the algorithms that a client may sign its assertions with.
func algsOf(c *idp.Client, method string) []string {
	algs := c.Held(idp.AssertionAlgs(method))
	if c.AuthSigningAlg == "" {
		return algs
	}
	// OpenID Connect Dynamic Client Registration §2: all assertions with other algorithms MUST be rejected.
	return slices.DeleteFunc(algs, func(alg string) bool { return alg != c.AuthSigningAlg })
}

func mendKeys(c *idp.Client, method string) string {
	if method == idp.AuthClientSecretJWT {
		return "Copy the secret again, or make a new one: `idp client rotate-secret " + c.ID + "`."
	}
	return "Compare the application's key with the client's jwks or jwks_uri, which `idp client get " + c.ID + " -o json` shows."
}

// verify returns what the client signed.
func (a *Authenticator) verify(ctx context.Context, c *idp.Client, cred credentials, now time.Time) ([]byte, jose.Header, error) {
	algs := algsOf(c, cred.method)
	if cred.method == idp.AuthPrivateKeyJWT {
		return a.Keys.Verify(ctx, c, cred.assertion, algs)
	}
	signed, err := jose.ParseSignedCompact(cred.assertion, jws.Accepts(algs))
	if err != nil {
		return nil, jose.Header{}, fmt.Errorf("%w: it is no compact JWS signed with %s", clientkeys.ErrSignature, strings.Join(algs, ", "))
	}
	header := signed.Signatures[0].Protected
	for _, s := range c.Secrets {
		if s.Sealed == "" || s.ExpiresAt != nil && !now.Before(*s.ExpiresAt) {
			continue
		}
		text, err := a.Keyring.Open(s.Sealed, client.SecretBinding(c.ID, s.ID))
		if err != nil {
			continue // its key has left the ring: as good as expired
		}
		if payload, err := signed.Verify(text); err == nil { // OpenID Connect Core §10.1: the octets of the secret are the key
			return payload, header, nil
		}
	}
	return nil, header, fmt.Errorf("%w: no secret of the client verifies it", clientkeys.ErrSignature)
}

// clientFault returns what is wrong with the claims of a client assertion, but for the audience.
func clientFault(k *Claims, c *idp.Client, now time.Time) string {
	// RFC 7523 §3 (1), (2): issuer and subject are the client.
	if k.Issuer != c.ID || k.Subject != c.ID {
		return "iss and sub are not both the client_id"
	}
	return k.Fault(now)
}

// audienceFault returns what is wrong with the audience. Each entry must be ours: an assertion that another server may take too could have
// been taken from there (RFC 7523 §3 (3), RFC 9700 §4.4).
func (a *Authenticator) audienceFault(r *http.Request, c *idp.Client, aud untrusted.Texts) string {
	if c.AssertionAudience == idp.AudienceIssuer {
		// FAPI 2.0 Security Profile §5.3.2.1: the issuer as a string, and nothing else.
		if !aud.Alone || aud.List[0] != a.Issuer {
			return "aud is not the issuer, as a text"
		}
		return ""
	}
	if len(aud.List) == 0 {
		return "aud is missing"
	}
	for _, entry := range aud.List {
		if !a.ours(r, entry) {
			return "aud is not this server's issuer or token endpoint"
		}
	}
	return ""
}

// ours reports whether an audience is the issuer, the token endpoint, or the endpoint that was asked (RFC 7523 §3 (3), RFC 9126 §2).
func (a *Authenticator) ours(r *http.Request, entry string) bool {
	if entry == a.Issuer {
		return true
	}
	for _, origin := range a.Origins {
		if entry == origin+a.TokenPath || entry == origin+r.URL.Path {
			return true
		}
	}
	return false
}
