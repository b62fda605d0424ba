package protocol

// RFC 9101, JWT-Secured Authorization Request; OpenID Connect Core §6; FAPI 2.0 Message Signing §5.3.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/e2e/server"
)

// members are the claims of a request object.
type members map[string]any

// object returns the claims of a good request object for c, and remembers what was asked for. Values that are absent are left out.
func (b *browser) object(c server.Client, more members) members {
	b.t.Helper()
	now := time.Now().Unix()
	o := members{"iss": c.ID, "aud": b.site.Issuer, "nbf": now, "exp": now + 300, "iat": now}
	for name, values := range b.azForm(c) {
		o[name] = values[0]
	}
	for name, value := range more {
		o[name] = value
		if value == absent {
			delete(o, name)
		}
	}
	b.asked.redirect, _ = o["redirect_uri"].(string)
	b.asked.state, _ = o["state"].(string)
	b.asked.nonce, _ = o["nonce"].(string)
	return o
}

// signed signs claims.
func signed(t testing.TB, o members, alg, kid, typ string, key any) string {
	t.Helper()
	payload, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return signedText(t, string(payload), alg, kid, typ, key)
}

func signedText(t testing.TB, payload, alg, kid, typ string, key any) string {
	t.Helper()
	options := new(jose.SignerOptions)
	if kid != "" {
		options.WithHeader("kid", kid)
	}
	if typ != "" {
		options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newECKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// es256 signs with the key that signer and strict have registered.
func es256(t testing.TB, o members) string {
	t.Helper()
	return signed(t, o, "ES256", "ec", "oauth-authz-req+jwt", server.SignerKey())
}

// unsignedJWT is a JWT with alg none.
func unsignedJWT(t testing.TB, o members) string {
	t.Helper()
	payload, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

// byValue sends a request object with parameters beside it.
func (b *browser) byValue(c server.Client, object string, beside ...string) *page {
	b.t.Helper()
	form := with(url.Values{"client_id": {c.ID}, "request": {object}}, beside...)
	p := b.open(b.site.endpoint(b.t, "authorization_endpoint") + "?" + form.Encode())
	p.asked = b.asked
	return p
}

func TestRequestObject_IsTheRequest(t *testing.T) { // RFC 9101 §4, §5; OpenID Connect Core §6.1
	t.Parallel()
	s := shared(t)
	for name, sign := range map[string]func(t testing.TB, o members) string{
		"ES256": es256,
		"EdDSA, no typ, no kid": func(t testing.TB, o members) string {
			return signed(t, o, "EdDSA", "", "", server.SignerEdKey())
		},
		"typ JWT": func(t testing.TB, o members) string {
			return signed(t, o, "ES256", "ec", "JWT", server.SignerKey())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c := s.browser(t), server.Signer()
			object := sign(t, b.object(c, members{"scope": "openid email"}))
			g := b.byValue(c, object).login(s.user(t)).wantCode()
			if id := s.verify(t, s.exchange(t, g).tokens().id); id.claims["nonce"] != b.asked.nonce || id.claims["email"] == nil {
				t.Errorf("the ID token says %v, want nonce and scope of the object", id.claims)
			}
		})
	}
	// Nothing but the object counts: not what stands beside it, and not what is only there (RFC 9101 §6.3).
	b, c := s.browser(t), server.Signer()
	object := es256(t, b.object(c, nil))
	b.byValue(c, object, "redirect_uri", "https://evil.example/", "state", "evil", "prompt", "none", "max_age", "0", "nonce", "evil").login(s.user(t)).wantCode()
}

func TestRequestObject_OpenIDMayPutTheRestBesideIt(t *testing.T) { // OpenID Connect Core §6.1: what is in the object supersedes
	t.Parallel()
	s := shared(t)
	b, c := s.browser(t), server.Signer()
	o := b.object(c, members{"nonce": absent, "redirect_uri": "https://signer.example/other", "client_id": absent})
	b.asked.nonce = "beside"
	g := b.byValue(c, es256(t, o), "response_type", "code", "scope", "openid", "nonce", "beside", "redirect_uri", c.Redirect, "state", "superseded").login(s.user(t)).wantCode()
	tk := s.exchange(t, g).tokens()
	if id := s.verify(t, tk.id); id.claims["nonce"] != "beside" {
		t.Errorf("nonce = %v, want that beside the object", id.claims["nonce"])
	}
	// response_type and client_id are said twice with one voice.
	b.byValue(c, es256(t, b.object(c, members{"response_type": "code id_token"})), "response_type", "code", "scope", "openid", "redirect_uri", b.asked.redirect, "state", b.asked.state).wantErr("invalid_request_object")
	// A number stays a number (fosite D5): max_age=0 in the object asks for the password again.
	in := s.signIn(t, server.Trusted())
	in.b.byValue(c, es256(t, in.b.object(c, members{"max_age": 0}))).wantLogin()
	in.b.byValue(c, es256(t, in.b.object(c, members{"max_age": 10000}))).wantCode()
	in.b.byValue(c, es256(t, in.b.object(c, members{"max_age": "10000"}))).wantCode()
}

func TestRequestObject_IsRefusedForOneFaultAtATime(t *testing.T) { // RFC 9101 §4, §6, §10.8; RFC 8725
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	now := time.Now().Unix()
	c := server.Signer()
	tamper := func(object string) string {
		parts := strings.Split(object, ".")
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		changed := strings.Replace(string(payload), "openid", "openid email", 1)
		return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(changed)) + "." + parts[2]
	}
	claims := func(more members) func(t testing.TB, o members) string {
		return func(t testing.TB, o members) string {
			for name, value := range more {
				o[name] = value
			}
			return es256(t, o)
		}
	}
	for name, sign := range map[string]func(t testing.TB, o members) string{
		"another key":    func(t testing.TB, o members) string { return signed(t, o, "ES256", "ec", "", newECKey(t)) },
		"an unknown kid": func(t testing.TB, o members) string { return signed(t, o, "ES256", "xx", "", newECKey(t)) },
		"its secret as key": func(t testing.TB, o members) string {
			return signed(t, o, "HS256", "", "", []byte(c.Secret+strings.Repeat("0", 32)))
		},
		"unsigned": unsignedJWT,
		"changed":  func(t testing.TB, o members) string { return tamper(es256(t, o)) },
		"no signature": func(t testing.TB, o members) string {
			text := es256(t, o)
			return text[:strings.LastIndex(text, ".")+1]
		},
		"garbage": func(testing.TB, members) string { return "garbage" },
		"not JSON": func(t testing.TB, _ members) string {
			return signedText(t, "nonsense", "ES256", "ec", "", server.SignerKey())
		},
		"a list": func(t testing.TB, _ members) string {
			return signedText(t, "[]", "ES256", "ec", "", server.SignerKey())
		},
		"a member twice": func(t testing.TB, o members) string {
			return signedText(t, `{"scope":"openid","scope":"openid email"}`, "ES256", "ec", "", server.SignerKey())
		},
		"nested deeply": func(t testing.TB, _ members) string {
			return signedText(t, strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100), "ES256", "ec", "", server.SignerKey())
		},
		"encrypted to nobody":    func(testing.TB, members) string { return "a.b.c.d.e" },
		"for another server":     claims(members{"aud": "https://other.example"}),
		"from another client":    claims(members{"iss": "web"}),
		"another client inside":  claims(members{"client_id": "web"}),
		"expired":                claims(members{"exp": now - 1}),
		"exp far in the past":    claims(members{"exp": -1e300}),
		"not yet":                claims(members{"nbf": now + 900}),
		"issued in the future":   claims(members{"iat": now + 900}),
		"exp is no number":       claims(members{"exp": "tomorrow"}),
		"scope is a list of one": claims(members{"iss": []string{"signer"}}),
		"a request inside":       claims(members{"request": "x"}),
		"a request_uri inside":   claims(members{"request_uri": "https://signer.example/request.jwt"}),
		"a client assertion":     claims(members{"sub": "signer"}),
		"control characters":     claims(members{"login_hint": "a\x00b"}),
		"an access token's typ":  func(t testing.TB, o members) string { return signed(t, o, "ES256", "ec", "at+jwt", server.SignerKey()) },
		"a proof's typ": func(t testing.TB, o members) string {
			return signed(t, o, "ES256", "ec", "dpop+jwt", server.SignerKey())
		},
		"a logout token's typ": func(t testing.TB, o members) string {
			return signed(t, o, "ES256", "ec", "logout+jwt", server.SignerKey())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := in.b.copy()
			b.t = t
			object := sign(t, b.object(c, nil))
			b.byValue(c, object).wantPage400() // nothing says where to answer
			b.byValue(c, object, "redirect_uri", b.asked.redirect, "state", b.asked.state, "response_type", "code", "scope", "openid").wantErr("invalid_request_object")
			s.form(t, "pushed_authorization_request_endpoint", usual(c), "request", object).wantError(400, "invalid_request_object")
		})
	}
	// A little ahead is a clock that runs fast (protocol.md §3.8).
	in.b.byValue(c, es256(t, in.b.object(c, members{"nbf": now + 6, "iat": now + 6}))).wantCode()
	in.b.byValue(c, es256(t, in.b.object(c, members{"aud": []string{"https://other.example", s.Issuer}}))).wantCode()
}

func TestRequestObject_OnlyOfClientsThatAreRegisteredForIt(t *testing.T) { // OpenID Connect Core §6.1, RFC 9101 §10.1; protocol.md §3.2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	in.b.az(server.Trusted(), "request", unsignedJWT(t, members{"scope": "openid"})).wantErr("request_not_supported")
	c := server.Unsigned()
	g := in.b.byValue(c, unsignedJWT(t, in.b.object(c, members{"redirect_uri": "https://unsigned.example/other", "aud": absent, "iss": absent, "exp": absent, "nbf": absent, "iat": absent})),
		"response_type", "code", "scope", "openid", "redirect_uri", c.Redirect, "state", "superseded").wantCode()
	s.exchange(t, g).tokens()
	in.b.object(c, nil)
	in.b.byValue(c, es256(t, in.b.object(c, nil)), "redirect_uri", c.Redirect, "state", in.b.asked.state).wantErr("invalid_request_object")
	in.b.byValue(c, unsignedJWT(t, in.b.object(c, nil))+"AAAA", "redirect_uri", c.Redirect, "state", in.b.asked.state).wantErr("invalid_request_object")
}

func TestRequestObject_StrictClientsAreHeldToTheirProfile(t *testing.T) { // RFC 9101 §10.5; FAPI 2.0 Message Signing §5.3.1; protocol.md §3.8
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	c := server.Strict()
	now := time.Now().Unix()
	in.b.az(c).wantErr("invalid_request")
	in.b.push(c).wantError(400, "invalid_request")
	in.b.byValue(c, es256(t, in.b.object(c, nil))).wantCode()
	// Beside the object nothing counts, although it looks like OpenID Connect's way.
	in.b.byValue(c, es256(t, in.b.object(c, members{"state": absent})), "response_type", "code", "scope", "openid email", "state", "evil", "redirect_uri", c.Redirect).wantCode()
	for name, more := range map[string]members{
		"no exp": {"exp": absent}, "no nbf": {"nbf": absent}, "no iss": {"iss": absent}, "no aud": {"aud": absent}, "no client_id": {"client_id": absent},
		"an old one": {"nbf": now - 3700, "exp": now + 60}, "a long one": {"nbf": now, "exp": now + 3700},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.form(t, "pushed_authorization_request_endpoint", usual(c), "request", es256(t, s.browser(t).object(c, more))).wantError(400, "invalid_request_object")
		})
	}
	t.Run("another algorithm than registered", func(t *testing.T) {
		t.Parallel()
		o := s.browser(t).object(c, nil)
		s.form(t, "pushed_authorization_request_endpoint", usual(c), "request", signed(t, o, "EdDSA", "ed", "", server.SignerEdKey())).wantError(400, "invalid_request_object")
	})
	t.Run("nothing in it", func(t *testing.T) {
		t.Parallel()
		s.form(t, "pushed_authorization_request_endpoint", usual(c), "request", es256(t, s.browser(t).object(c, members{"response_type": absent})), "response_type", "code").wantError(400, "invalid_request")
	})
}

func TestRequestObject_MayBePushed(t *testing.T) { // RFC 9126 §3
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	for _, c := range []server.Client{server.Signer(), server.Strict()} {
		object := es256(t, in.b.object(c, nil))
		a := s.form(t, "pushed_authorization_request_endpoint", usual(c), "request", object, "scope", "openid email", "state", "evil").want(http.StatusCreated)
		p := in.b.open(in.b.pushedURL(c, a.str("request_uri")))
		p.asked = in.b.asked
		s.exchange(t, p.wantCode()).tokens()
		s.form(t, "pushed_authorization_request_endpoint", usual(c), "request", object, "request_uri", "https://signer.example/request.jwt").wantError(400, "invalid_request")
	}
	// After a page the request is as signed as before it.
	b, c := s.browser(t), server.Strict()
	b.byValue(c, es256(t, b.object(c, nil))).login(s.user(t)).wantCode()
}

func TestRequestObject_NotBothWays(t *testing.T) { // OpenID Connect Core §6.1, RFC 9101 §5
	t.Parallel()
	s := shared(t)
	b, c := s.browser(t), server.Signer()
	object := es256(t, b.object(c, nil))
	b.byValue(c, object, "request_uri", "https://signer.example/request.jwt", "redirect_uri", c.Redirect, "state", b.asked.state).wantErr("invalid_request")
	b.byValue(c, object, "request_uri", "urn:ietf:params:oauth:request_uri:x").wantPage400()
}

func TestRequestObject_IsFetchedByReference(t *testing.T) { // OpenID Connect Core §6.2, RFC 9101 §5.2, §10.4
	t.Parallel()
	var content atomic.Value
	var asked atomic.Int64
	content.Store("")
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/redirects":
			http.Redirect(w, r, "/request.jwt", http.StatusFound)
		case "/huge":
			_, _ = w.Write(make([]byte, 1<<20))
		case "/page":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(content.Load().(string)))
		case "/gone":
			http.NotFound(w, r)
		default:
			w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
			_, _ = w.Write([]byte(content.Load().(string)))
		}
	}))
	t.Cleanup(site.Close)
	c := server.Signer()
	uris := make([]string, 0, 8)
	for _, path := range []string{"/request.jwt", "/2", "/redirects", "/huge", "/page", "/gone"} {
		uris = append(uris, site.URL+path)
	}
	seed := strings.Replace(server.SeedText(), "request_uris: [https://signer.example/request.jwt]", "request_uris: ["+strings.Join(uris, ", ")+"]", 1)
	s := start(t, server.Seed(seed), server.Set("IDP_OUTBOUND__ALLOW", "127.0.0.0/8"))
	in := s.signIn(t, server.Trusted())
	ask := func(uri string) *page {
		t.Helper()
		form := url.Values{"client_id": {c.ID}, "request_uri": {uri}, "redirect_uri": {in.b.asked.redirect}, "state": {in.b.asked.state}}
		p := in.b.open(s.endpoint(t, "authorization_endpoint") + "?" + form.Encode())
		p.asked = in.b.asked
		return p
	}
	object := es256(t, in.b.object(c, nil))
	content.Store(object)
	ask(uris[0]).wantCode()
	ask(uris[0]).wantCode() // kept for a moment
	if n := asked.Load(); n != 1 {
		t.Errorf("the address was asked %d times within a moment, want once", n)
	}
	sum := sha256.Sum256([]byte(object))
	digest := base64.RawURLEncoding.EncodeToString(sum[:])
	ask(uris[1] + "#" + digest).wantCode()
	ask(uris[1] + "#a-mark-of-the-client").wantCode() // OpenID Connect Core §6.2: SHOULD be the digest; anything else promises nothing
	before := asked.Load()
	for name, uri := range map[string]string{
		"another digest":     uris[1] + "#" + strings.Replace(digest, digest[:1], "_", 1),
		"a redirect":         uris[2],
		"too large":          uris[3],
		"a page":             uris[4],
		"nothing":            uris[5],
		"not registered":     site.URL + "/3",
		"almost registered":  uris[0] + "?x",
		"of another scheme":  strings.Replace(uris[0], "http:", "file:", 1),
		"a link of the host": "http://169.254.169.254/latest/meta-data",
	} {
		t.Run(name, func(t *testing.T) {
			ask(uri).wantErr("invalid_request_uri")
			ask(uri).wantErr("invalid_request_uri") // remembered for a moment: nobody makes us call a host again and again
		})
	}
	if n := asked.Load() - before; n > 5 {
		t.Errorf("addresses were asked %d times, want the registered ones only, once each", n)
	}
	in.b.az(server.Trusted(), "request_uri", uris[0]).wantErr("request_uri_not_supported")
}
