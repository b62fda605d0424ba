package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Password hashing as the server does it by default (OWASP's smaller setting).
const (
	hashMemoryKiB  = 19 << 10
	hashIterations = 2
	hashBytes      = 32
)

// Words of the seed file.
const (
	password     = "correct horse battery staple 42"
	clientSecret = "q4vD2nXk0mZt8bRw6sYh1cLp5fJg9aUe-EiOxNdTQ7M"
	redirectURI  = "https://bench.example/cb"
	userScopes   = "openid profile email"
)

// client is a registration; all have the same secret.
type client struct{ id, accessAlg, idAlg string }

// clients lists the algorithms that are compared. ES256 is the default of access tokens, RS256 that of ID tokens.
func clients() []client {
	return []client{{"es256", "ES256", "ES256"}, {"eddsa", "EdDSA", "EdDSA"}, {"rs256", "RS256", "RS256"}, {"default", "ES256", "RS256"}}
}

// otherClients are one with opaque tokens, one that does as FAPI 2.0 says, but for https, and a device.
const otherClients = `  - client_id: opaque
    client_name: Bench
    secret_file: %s
    trusted: true
    redirect_uris: [%s]
    scopes: [openid, profile, email]
    contract: {access_token_format: opaque, id_token_alg: ES256, access_token_ttl: 7200}
  - client_id: strict
    client_name: Bench
    trusted: true
    token_endpoint_auth_methods: [private_key_jwt]
    client_assertion_audience: issuer
    require_pushed_authorization_requests: true
    require_pkce: true
    dpop_bound_access_tokens: true
    redirect_uris: [%s]
    scopes: [openid, profile, email]
    contract: {access_token_alg: ES256, id_token_alg: ES256}
    jwks: {keys: [%s]}
  - {client_id: device, client_name: Bench, token_endpoint_auth_methods: [none], grant_types: ["urn:ietf:params:oauth:grant-type:device_code"], scopes: [openid]}
`

func username(n int) string { return fmt.Sprintf("bench%04d", n) }

// seedText makes one user for each worker, since two workers on one account would wait for each other's rows and throttle.
func seedText(users int, secretFile, jwk string) []byte {
	var b bytes.Buffer
	b.WriteString("clients:\n")
	for _, c := range clients() {
		fmt.Fprintf(&b, `  - client_id: %s
    client_name: Bench
    secret_file: %s
    trusted: true
    redirect_uris: [%s]
    grant_types: [authorization_code, refresh_token, client_credentials, "urn:ietf:params:oauth:grant-type:token-exchange"]
    scopes: [openid, profile, email, offline_access, api.read]
    token_exchange_audiences: ["https://inner.example"]
    contract: {access_token_alg: %s, id_token_alg: %s, access_token_ttl: 7200, code_ttl: 60}
`, c.id, secretFile, redirectURI, c.accessAlg, c.idAlg)
	}
	fmt.Fprintf(&b, otherClients, secretFile, redirectURI, redirectURI, jwk)
	salt := make([]byte, 16)
	rand.Read(salt)
	// One hash for all, made once, so that seeding costs nothing; verifying it costs the same for each.
	tag := argon2.IDKey([]byte(password), salt, hashIterations, hashMemoryKiB, 1, hashBytes)
	hash := fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", hashMemoryKiB, hashIterations,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(tag))
	b.WriteString("users:\n")
	for n := range users {
		fmt.Fprintf(&b, `  - username: %s
    email: %s@example.test
    email_verified: true
    password_hash: '%s'
    name: Bench Number %d
    given_name: Bench
    family_name: Number %d
    locale: en
`, username(n), username(n), hash, n, n)
	}
	return b.Bytes()
}
