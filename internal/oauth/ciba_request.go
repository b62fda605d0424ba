package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/clientkeys"
	"idp/internal/idp"
	"idp/internal/untrusted"
)

const (
	cibaRequestMost = 16 << 10         // bytes of a signed request
	cibaRequestLife = 60 * time.Minute // between nbf and exp
)

// cibaOutside are the parameters that a signed request stands beside: those of client authentication (CIBA §7.1.1).
var cibaOutside = []string{"request", "client_id", "client_secret", "client_assertion", "client_assertion_type"}

// openCIBARequest replaces the parameters of a call by those of its signed request (CIBA §7.1.1), if it has one, or must have one.
func (p *Provider) openCIBARequest(ctx context.Context, call *clientCall) error {
	text := call.form.Get("request")
	if text == "" {
		if call.client.CIBARequestAlg != "" {
			return call.refuse(idp.CodeInvalidRequest, "The client is registered for signed requests, and this one is not signed.")
		}
		return nil
	}
	for name := range call.form {
		// CIBA §7.1.1: what is signed stands inside, and nothing else counts.
		if !slices.Contains(cibaOutside, name) {
			return call.refuse(idp.CodeInvalidRequest, "A signed request has its parameters inside, and "+printable(name)+" stands beside it.")
		}
	}
	claims, err := p.readSigned(ctx, call, text, "request")
	if err != nil {
		return err
	}
	// CIBA §7.1.1: aud, iss, exp, iat, nbf and jti, all of them.
	if claims.NotBefore == nil || claims.IssuedAt == nil || claims.JTI == "" || len(claims.JTI) > nonceMost {
		return call.refuse(idp.CodeInvalidRequest, "The signed request lacks iat, nbf or jti.")
	}
	nbf, exp := untrusted.Instant(*claims.NotBefore), untrusted.Instant(*claims.Expires)
	if exp.Sub(nbf) > cibaRequestLife || call.now.Sub(nbf) > cibaRequestLife {
		return call.refuse(idp.CodeInvalidRequest, "The signed request is good for longer than an hour, or began more than an hour ago.")
	}
	first, err := p.Store.FirstUse(ctx, "ciba_request", call.client.ID+" "+claims.JTI, exp.Add(idp.ReplicaSkew), call.now)
	if err != nil {
		return err
	}
	if !first {
		return call.refuse(idp.CodeInvalidRequest, "The signed request was used before: each has a jti of its own.")
	}
	inside, fault := claims.params()
	if fault != "" {
		return call.refuse(idp.CodeInvalidRequest, fault)
	}
	call.form = inside
	call.trace.Pass("signed request")
	return nil
}

// signedClaims is what a client signed, with the claims about the token itself taken apart.
type signedClaims struct {
	Issuer    string
	Audience  untrusted.Texts
	Expires   *float64 // dates may have a fraction (RFC 7519 §2)
	IssuedAt  *float64
	NotBefore *float64
	JTI       string
	rest      map[string]json.RawMessage
}

// readSigned verifies what a client signed for this server: by its registered algorithm where it has one, iss the client, aud this
// server, within its time (CIBA §7.1.1, RFC 8725 §3.1, §3.9).
func (p *Provider) readSigned(ctx context.Context, call *clientCall, text, parameter string) (*signedClaims, error) {
	invalid := func(description string) error {
		return call.refuse(idp.CodeInvalidRequest, "The "+parameter+" "+description)
	}
	if len(text) > cibaRequestMost {
		return nil, invalid("is longer than 16 KiB.")
	}
	algs := cibaAlgsOf(call.client)
	payload, header, err := p.ClientKeys.Verify(ctx, call.client, text, algs)
	if errors.Is(err, clientkeys.ErrSignature) || errors.Is(err, clientkeys.ErrNoKeys) {
		call.trace.Fail(idp.Check{Name: "signature of the client", Expected: list(algs), Received: err.Error(), Mend: "Sign with a key of the client's jwks, and name it by kid.", Clause: "CIBA §7.1.1"})
		return nil, invalid("is not signed by the client with a key and an algorithm that are registered.")
	}
	if err != nil {
		return nil, err
	}
	// RFC 8725 §3.11, §3.12: nothing else that a client signs is taken for it: a logout token, a proof, a client assertion (which has a sub).
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); !slices.Contains([]string{"", "jwt", "oauth-authz-req+jwt"}, strings.ToLower(strings.TrimPrefix(typ, "application/"))) {
		return nil, invalid("is another kind of JWT.")
	}
	c, fault := readClaims(payload)
	if fault != "" {
		return nil, invalid(fault)
	}
	if _, has := c.rest["sub"]; has {
		return nil, invalid("has a sub, like a client assertion. Leave it out.")
	}
	switch {
	case c.Issuer != call.client.ID:
		return nil, invalid("has another iss than the client's id.")
	case !slices.Contains(c.Audience.List, p.Issuer):
		return nil, invalid("has an aud without this server's issuer.")
	case c.Expires == nil:
		return nil, invalid("has no exp.")
	case !call.now.Before(untrusted.Instant(*c.Expires)):
		if parameter == "login_hint_token" { // CIBA §13
			return nil, call.refuse(idp.CodeExpiredLoginHintToken, "The login_hint_token has expired.")
		}
		return nil, invalid("has expired.")
	case c.NotBefore != nil && call.now.Before(untrusted.Instant(*c.NotBefore).Add(-idp.ClockSkew)), c.IssuedAt != nil && call.now.Before(untrusted.Instant(*c.IssuedAt).Add(-idp.ClockSkew)):
		return nil, invalid("is from the future.")
	}
	return c, nil
}

// cibaAlgsOf lists the algorithms that a client may sign with: the registered one, or those of its profile.
func cibaAlgsOf(c *idp.Client) []string {
	if c.CIBARequestAlg != "" {
		return []string{c.CIBARequestAlg}
	}
	return c.Held(idp.SupportedSigningAlgs())
}

// readClaims takes the payload of a signed request apart. The fault, if there is one, ends a sentence about the parameter.
func readClaims(payload []byte) (c *signedClaims, fault string) {
	members := map[string]json.RawMessage{}
	if err := untrusted.Decode(payload, untrusted.Bounds{Bytes: cibaRequestMost, Depth: 6}, &members); err != nil || members == nil {
		return nil, "is not one JSON object with each member once."
	}
	c = &signedClaims{rest: members}
	for name, into := range map[string]any{"aud": &c.Audience, "iss": &c.Issuer, "jti": &c.JTI, "exp": &c.Expires, "iat": &c.IssuedAt, "nbf": &c.NotBefore} {
		raw, has := members[name]
		if has && (string(raw) == "null" || json.Unmarshal(raw, into) != nil) {
			return nil, "has a claim " + name + " of the wrong type."
		}
	}
	for _, name := range []string{"iss", "aud", "exp", "iat", "nbf", "jti"} {
		delete(members, name)
	}
	return c, ""
}

// params returns the parameters that the request signs: texts, numbers where a parameter is one (CIBA §7.1.1: requested_expiry), several resources as a
// list (RFC 8707 §2), and authorization details as the JSON that they are (RFC 9396 §2). The fault, if there is one, is a sentence.
func (c *signedClaims) params() (form url.Values, fault string) {
	form = url.Values{}
	for name, raw := range c.rest {
		if slices.Contains(cibaOutside, name) && name != "client_id" {
			return nil, "A signed request cannot hold " + printable(name) + "."
		}
		var text string
		var number json.Number
		var several untrusted.Texts
		switch {
		case name == "resource" && json.Unmarshal(raw, &several) == nil:
			for _, one := range several.List {
				if !cleanText(one) {
					return nil, "A parameter of the signed request has characters that cannot be."
				}
			}
			if len(several.List) > 0 {
				form[name] = several.List
			}
			continue
		case name == "authorization_details" && len(raw) > 0 && raw[0] == '[':
			text = string(raw)
		case json.Unmarshal(raw, &text) == nil:
		case len(raw) > 0 && raw[0] != '"' && json.Unmarshal(raw, &number) == nil:
			text = number.String()
		default:
			continue // what is neither is no parameter of ours
		}
		if !cleanText(text) {
			return nil, "A parameter of the signed request has characters that cannot be."
		}
		if text != "" {
			form.Set(name, text)
		}
	}
	return form, ""
}

// personByToken reads a login_hint_token: a JWT that the client signed for this server, with sub_id (RFC 9493 §3) saying whom it means.
func (p *Provider) personByToken(ctx context.Context, call *clientCall, text string) (*idp.User, error) {
	claims, err := p.readSigned(ctx, call, text, "login_hint_token")
	if err != nil {
		return nil, err
	}
	var id struct {
		Format string `json:"format"`
		Issuer string `json:"iss"`
		Sub    string `json:"sub"`
		Email  string `json:"email"`
		ID     string `json:"id"`
	}
	if raw, has := claims.rest["sub_id"]; !has || json.Unmarshal(raw, &id) != nil {
		return nil, &Error{Status: http.StatusBadRequest, Code: idp.CodeInvalidRequest, Description: "The login_hint_token has no sub_id."}
	}
	switch {
	case id.Format == "email":
		return p.personByName(ctx, call.client, id.Email)
	case id.Format == "opaque":
		return p.personBySub(ctx, call.client, id.ID)
	case id.Format == "iss_sub" && id.Issuer == p.Issuer:
		return p.personBySub(ctx, call.client, id.Sub)
	}
	return nil, idp.ErrNotFound
}
