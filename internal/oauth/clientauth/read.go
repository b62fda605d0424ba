package clientauth

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"idp/internal/idp"
	"idp/internal/untrusted"
)

// credentials is what the request presents.
type credentials struct {
	method, id string
	secret     string
	assertion  string
}

const (
	// assertionType is the only one that there is (RFC 7523 §2.2).
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// maxAssertion is the longest assertion that is looked at: a dozen claims, and a certificate chain in the header.
	maxAssertion = 16 << 10
)

// read finds the one method that the request uses.
func read(r *http.Request, form url.Values) (credentials, *Failure) {
	c := credentials{method: idp.AuthNone, id: form.Get("client_id")}
	authorization := r.Header.Get("Authorization")
	_, inBody := form["client_secret"]
	asserts := form.Has("client_assertion") || form.Has("client_assertion_type")
	switch {
	case authorization != "" && inBody, authorization != "" && asserts, inBody && asserts, len(r.Header.Values("Authorization")) > 1:
		// RFC 6749 §2.3: one method in each request.
		return c, &Failure{idp.CodeInvalidRequest, "The request has client credentials in more than one place: the Authorization header, client_secret, client_assertion. Send them once."}
	case asserts:
		return readAssertion(c, form)
	case authorization != "":
		id, password, ok := r.BasicAuth()
		if !ok {
			return c, &Failure{idp.CodeInvalidClient, "The Authorization header is not of the form \"Basic …\"."}
		}
		c.method, c.secret = idp.AuthClientSecretBasic, password
		if c.id != "" && c.id != id && c.id != unescape(id) {
			return c, &Failure{idp.CodeInvalidRequest, "The client_id in the body is not the client in the Authorization header."}
		}
		c.id = id
	case inBody:
		c.method, c.secret = idp.AuthClientSecretPost, form.Get("client_secret")
	}
	if c.id == "" {
		return c, &Failure{idp.CodeInvalidClient, "The request names no client: client_id or an Authorization header is missing."}
	}
	if c.method == idp.AuthClientSecretBasic {
		c.id = unescape(c.id)
	}
	return c, nil
}

// readAssertion finds out who the assertion says it is from. Nothing of it is believed yet.
func readAssertion(c credentials, form url.Values) (credentials, *Failure) {
	// RFC 7521 §4.2: both parameters, and a type that is known; RFC 7521 §4.2.1: else invalid_client.
	if form.Get("client_assertion_type") != assertionType {
		return c, &Failure{idp.CodeInvalidClient, "The client_assertion_type is not " + assertionType + "."}
	}
	c.assertion = form.Get("client_assertion")
	var header struct {
		Algorithm string `json:"alg"`
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	parts := strings.Split(c.assertion, ".")
	if len(c.assertion) > maxAssertion || len(parts) != 3 || !decode(parts[0], &header) || !decode(parts[1], &claims) {
		return c, &Failure{idp.CodeInvalidClient, "The client_assertion is no signed JWT."}
	}
	// RFC 7521 §4.2: client_id is not needed, and if it is there it is the same client.
	if c.id != "" && c.id != claims.Subject {
		return c, &Failure{idp.CodeInvalidClient, "The client_id in the body is not the client in the assertion (sub)."}
	}
	if c.id = claims.Subject; c.id == "" {
		return c, &Failure{idp.CodeInvalidClient, "The client_assertion names no client: sub is missing."}
	}
	c.method = idp.AuthPrivateKeyJWT
	if strings.HasPrefix(header.Algorithm, "HS") {
		c.method = idp.AuthClientSecretJWT
	}
	return c, nil
}

// decode reads a part of a JWT. Names are compared in their case, and members that stand there twice are refused.
func decode(part string, to any) bool {
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return err == nil && untrusted.Decode(text, bounds, to) == nil
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
