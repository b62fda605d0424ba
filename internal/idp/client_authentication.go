package idp

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// ClientAuthentication is how a client proves itself, beside the methods themselves (OpenID Connect Core §9, RFC 7523 §3, RFC 8705 §2).
type ClientAuthentication struct {
	AuthSigningAlg    string `json:"token_endpoint_auth_signing_alg,omitempty" doc:"The one algorithm of its client assertions"`
	AssertionAudience string `json:"client_assertion_audience,omitempty" enum:"issuer" doc:"issuer: aud of its assertions is the issuer, as a text; else the endpoint's address will do too"`

	// RFC 8705 §2.1.2: of tls_client_auth, exactly one.
	TLSSubjectDN string `json:"tls_client_auth_subject_dn,omitempty" doc:"Subject of its certificate, as RFC 4514 writes it"`
	TLSSANDNS    string `json:"tls_client_auth_san_dns,omitempty" doc:"Host name in its certificate"`
	TLSSANURI    string `json:"tls_client_auth_san_uri,omitempty" doc:"URI in its certificate"`
	TLSSANIP     string `json:"tls_client_auth_san_ip,omitempty" doc:"IP address in its certificate"`
	TLSSANEmail  string `json:"tls_client_auth_san_email,omitempty" doc:"E-mail address in its certificate"`
}

// The ways of client authentication (OpenID Connect Core §9, RFC 8705 §2).
const (
	AuthNone                = "none"
	AuthClientSecretBasic   = "client_secret_basic"
	AuthClientSecretPost    = "client_secret_post"
	AuthClientSecretJWT     = "client_secret_jwt"
	AuthPrivateKeyJWT       = "private_key_jwt"
	AuthTLSClient           = "tls_client_auth"
	AuthSelfSignedTLSClient = "self_signed_tls_client_auth"
)

// AudienceIssuer asks for the issuer alone as the audience of a client's assertions (FAPI 2.0 Security Profile §5.3.2.1).
const AudienceIssuer = "issuer"

const maxSubject = 1024 // bytes of a certificate's subject

// SupportedAuthMethods lists the ways in which a client may prove itself at the token endpoint.
func SupportedAuthMethods() []string {
	return []string{AuthClientSecretBasic, AuthClientSecretPost, AuthClientSecretJWT, AuthPrivateKeyJWT, AuthTLSClient, AuthSelfSignedTLSClient, AuthNone}
}

// AssertionAlgs lists the algorithms of client assertions, of private_key_jwt or of client_secret_jwt.
func AssertionAlgs(method string) []string {
	switch method {
	case AuthPrivateKeyJWT:
		return SupportedSigningAlgs()
	case AuthClientSecretJWT:
		return []string{"HS256", "HS384", "HS512"}
	}
	return nil
}

// Authenticates reports whether the client may prove itself by a method.
func (c *Client) Authenticates(method string) bool { return slices.Contains(c.AuthMethods, method) }

// HasSecret reports whether one of the client's methods needs a secret.
func (c *Client) HasSecret() bool {
	return c.Authenticates(AuthClientSecretBasic) || c.Authenticates(AuthClientSecretPost) || c.Authenticates(AuthClientSecretJWT)
}

func (c *Client) checkCredentials(f *faults) {
	if len(c.AuthMethods) == 0 {
		f.add("token_endpoint_auth_methods", "No way to authenticate is named. Use %s, or only %q for an application that can keep no secret.", list(SupportedAuthMethods()), AuthNone)
	}
	checkWordsOf(f, "token_endpoint_auth_methods", c.AuthMethods, SupportedAuthMethods())
	if len(c.AuthMethods) > 1 && slices.Contains(c.AuthMethods, AuthNone) {
		f.add("token_endpoint_auth_methods", "%q stands with other methods: a client that may leave its secret out has none. Name either %q alone, or the others.", AuthNone, AuthNone)
	}
	switch {
	case c.Public() && len(c.Secrets) > 0:
		f.add("secrets", "A client with the authentication method %q has no secret: anybody could read it out of the application. Remove the secret, or use %q.", AuthNone, AuthClientSecretBasic)
	case !c.HasSecret() && len(c.Secrets) > 0:
		f.add("secrets", "The client has a secret, and none of its authentication methods needs one. Remove the secret, or use %q.", AuthClientSecretBasic)
	case c.HasSecret() && len(c.Secrets) == 0:
		f.add("secrets", "The client has no secret. Let one be generated, or use the authentication method %q.", AuthNone)
	case len(c.Secrets) > maxSecrets:
		f.add("secrets", "There are %d secrets; %d is the most. Remove those that have expired.", len(c.Secrets), maxSecrets)
	}
	for i, s := range c.Secrets {
		if s.ID == "" || s.Digest == "" {
			f.add(at("secrets", i), "The secret has no id or no digest.")
		}
	}
}

// checkAuthentication checks what the methods of authentication need.
func (c *Client) checkAuthentication(f *faults) {
	for _, method := range []string{AuthPrivateKeyJWT, AuthSelfSignedTLSClient} {
		if c.Authenticates(method) && !c.HasKeys() {
			f.add("jwks", "The authentication method %q needs the client's public keys. Give them in jwks or jwks_uri.", method)
		}
	}
	if alg := c.AuthSigningAlg; alg != "" {
		var algs []string
		for _, method := range c.AuthMethods {
			algs = append(algs, AssertionAlgs(method)...)
		}
		if len(algs) == 0 {
			f.add("token_endpoint_auth_signing_alg", "The client signs no assertions. Leave the algorithm out, or use the authentication method %q.", AuthPrivateKeyJWT)
		} else if !slices.Contains(algs, alg) {
			f.add("token_endpoint_auth_signing_alg", "%s is not supported. Use %s.", quote(alg), list(algs))
		}
	}
	if a := c.AssertionAudience; a != "" && a != AudienceIssuer {
		f.add("client_assertion_audience", "%s is not supported. Use %q, or leave it out.", quote(a), AudienceIssuer)
	}
	c.checkTLSNames(f)
}

// checkTLSNames checks by which name a client's certificate is known.
func (c *Client) checkTLSNames(f *faults) {
	given := 0
	for _, name := range []struct {
		field, value string
		valid        func(string) bool
		mend         string
	}{
		{"tls_client_auth_subject_dn", c.TLSSubjectDN, isSubject, "Write the subject as RFC 4514 does, such as CN=app,O=Example,C=DE"},
		{"tls_client_auth_san_dns", c.TLSSANDNS, isDNSName, "Write a host name, such as app.example"},
		{"tls_client_auth_san_uri", c.TLSSANURI, isAbsoluteURI, "Write a URI in full, such as spiffe://example/app"},
		{"tls_client_auth_san_ip", c.TLSSANIP, isAddress, "Write an address, such as 192.0.2.1 or 2001:db8::1"},
		{"tls_client_auth_san_email", c.TLSSANEmail, isMailbox, "Write an address, such as app@example.com"},
	} {
		if name.value == "" {
			continue
		}
		given++
		if !name.valid(name.value) {
			f.add(name.field, "%s is no such name. %s.", quote(name.value), name.mend)
		}
	}
	switch {
	case c.Authenticates(AuthTLSClient) && given != 1:
		f.add("tls_client_auth_subject_dn", "The authentication method %q needs exactly one name of the certificate, and there are %d. Give one of tls_client_auth_subject_dn, tls_client_auth_san_dns, _uri, _ip and _email (RFC 8705 §2.1.2).", AuthTLSClient, given)
	case !c.Authenticates(AuthTLSClient) && given > 0:
		f.add("tls_client_auth_subject_dn", "A name of the certificate means nothing without the authentication method %q. Add the method, or leave the name out.", AuthTLSClient)
	}
}

func isSubject(s string) bool {
	_, err := ParseDistinguishedName(s)
	return err == nil
}

func isDNSName(s string) bool {
	return len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_' && r != '*'
	})
}

func isAbsoluteURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && len(s) <= maxSubject && shownText(s)
}

func isAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

func isMailbox(s string) bool {
	local, host, found := strings.Cut(s, "@")
	return found && local != "" && isDNSName(host) && host != "" && len(s) <= maxWord && shownText(s)
}
