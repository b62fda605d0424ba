package conformance

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// party is the relying party that the suite plays.
type party struct {
	*run
	id, secret   string
	auth         string            // client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, mtls, none
	audience     string            // of its assertions; empty: the token endpoint, as the suite's OpenID Connect plans have it
	key          *jose.JSONWebKey  // private
	certificate  http.RoundTripper // how it calls with its certificate; nil: it has none
	redirect     string
	scope        string
	registration map[string]any // what the server answered; nil: a static client
}

// callback is where static clients are registered.
func (r *run) callback() string { return suiteURL + "/test/a/" + suiteAlias + "/callback" }

// first returns the plan's client, or registers one. Pairs of names and values are added to the registration.
func (r *run) first(pairs ...any) *party {
	r.Helper()
	return r.party(r.plan.Config.Client, r.plan.Config.MTLS, pairs...)
}

// second returns another client than first.
func (r *run) second(pairs ...any) *party {
	r.Helper()
	return r.party(r.plan.Config.Client2, r.plan.Config.MTLS2, pairs...)
}

func (r *run) party(c clientConfig, pair pairConfig, pairs ...any) *party {
	r.Helper()
	p := &party{run: r, id: c.ID, secret: c.Secret, auth: r.auth, scope: "openid", redirect: r.callback()}
	if pair.Cert != "" {
		certificate, err := tls.X509KeyPair([]byte(pair.Cert), []byte(pair.Key))
		if err != nil {
			r.stop("the plan's certificate: %v", err)
		}
		transport := r.op.dialer(&certificate)
		r.Cleanup(transport.CloseIdleConnections)
		p.certificate = transport
	}
	if len(c.JWKS.Keys) > 0 {
		p.key = new(jose.JSONWebKey)
		if err := json.Unmarshal(c.JWKS.Keys[0], p.key); err != nil {
			r.stop("the plan's key: %v", err)
		}
	}
	if r.dynamic {
		p.redirect = suiteURL + "/test/a/" + r.alias + "/callback"
		p.register(p.metadata(cmp.Or(c.Name, "Conformance suite"), pairs...))
	}
	return p
}

// partyKey is one RSA key for all registrations: the suite makes a new one for each, which costs time and shows nothing.
var partyKey = sync.OnceValue(func() *jose.JSONWebKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return &jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: "RS256", Use: "sig"}
})

// metadata is what the suite asks to be registered.
func (p *party) metadata(name string, pairs ...any) object {
	p.key = partyKey()
	m := object{
		"client_name": name + " " + p.alias, "redirect_uris": []string{p.redirect}, "contacts": []string{"certification@oidf.org"}, "response_types": []string{p.responseType},
		"jwks": object{"keys": []jose.JSONWebKey{p.key.Public()}}, "token_endpoint_auth_method": p.auth, "grant_types": []string{},
	}
	var grants []string
	if p.hasCode() {
		grants = append(grants, "authorization_code")
	}
	if p.hasIDToken() || p.hasToken() {
		grants = append(grants, "implicit")
	}
	m["grant_types"] = grants
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(m, pairs[i].(string))
		} else {
			m[pairs[i].(string)] = pairs[i+1]
		}
	}
	return m
}

// register registers the party, checks the answer as the suite does, and ends the registration with the run.
func (p *party) register(metadata object) {
	p.Helper()
	a := p.send(http.MethodPost, p.op.endpoint("registration_endpoint"), "", metadata)
	p.wantJSON(a)
	if a.status != http.StatusCreated {
		p.stop("registration: status %d, want 201: %s", a.status, a.body) // OIDCR-3.2
	}
	p.registration = a.json
	p.id, p.secret = a.str("client_id"), a.str("client_secret")
	if p.id == "" {
		p.stop("registration: no client_id: %s", a.body)
	}
	uri, token := a.str("registration_client_uri"), a.str("registration_access_token")
	if (uri == "") != (token == "") || uri != "" && !strings.HasPrefix(uri, "https://") {
		p.failure("registration: registration_client_uri %q and registration_access_token must come together, the one with https", uri)
	}
	_, expires := a.json["client_secret_expires_at"].(json.Number)
	if p.secret != "" && !expires {
		p.failure("registration: client_secret without client_secret_expires_at: %s", a.body)
	}
	if p.secret == "" && strings.HasPrefix(p.auth, "client_secret") {
		p.failure("registration: no client_secret for %s", p.auth)
	}
	if uri == "" {
		return
	}
	p.Cleanup(func() { // the test's context has ended by then
		req, err := http.NewRequest(http.MethodDelete, uri, http.NoBody)
		if err != nil {
			p.warning("%v", err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := (&http.Client{Transport: p.op.transport, Timeout: time.Minute}).Do(req)
		if err != nil {
			p.warning("DELETE of the registration: %v", err)
			return
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusNoContent {
			p.warning("DELETE of the registration: status %d, want 204", res.StatusCode)
		}
	})
}

// authenticate adds the party's proof of itself to a request to the token endpoint, and returns over what it is sent.
func (p *party) authenticate(header http.Header, form url.Values) http.RoundTripper {
	p.Helper()
	switch p.auth {
	case "client_secret_basic":
		(&http.Request{Header: header}).SetBasicAuth(p.id, p.secret) // as they are, which is what the suite does
	case "client_secret_post":
		form.Set("client_id", p.id)
		form.Set("client_secret", p.secret)
	case "private_key_jwt", "client_secret_jwt":
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", p.assertion())
	default: // none, mtls
		form.Set("client_id", p.id)
	}
	if p.certificate != nil {
		return p.certificate
	}
	return p.op.transport
}

// assertion is a JWT by which the party proves itself (RFC 7523 §2.2). Pairs of names and values change its claims.
func (p *party) assertion(pairs ...any) string {
	p.Helper()
	audience := p.audience
	if audience == "" {
		audience = p.op.endpoint("token_endpoint")
	}
	now := time.Now().Unix()
	claims := object{"iss": p.id, "sub": p.id, "aud": audience, "jti": rand.Text(), "iat": now, "exp": now + 60}
	for i := 0; i+1 < len(pairs); i += 2 {
		claims[pairs[i].(string)] = pairs[i+1]
	}
	if p.auth == "client_secret_jwt" {
		return p.sign(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(p.secret)}, claims)
	}
	return p.sign(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(p.key.Algorithm), Key: p.key}, claims)
}

// sign makes a JWT.
func (r *run) sign(key jose.SigningKey, claims object) string {
	r.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		r.stop("sign: %v", err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		r.stop("sign: %v", err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		r.stop("sign: %v", err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		r.stop("sign: %v", err)
	}
	return raw
}

// half is the left half of a hash, as at_hash and c_hash have it (OpenID Connect Core §3.1.3.6).
func half(hash crypto.Hash, text string) []byte {
	h := hash.New()
	h.Write([]byte(text))
	sum := h.Sum(nil)
	return sum[:len(sum)/2]
}

// challenge is PKCE's S256.
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
