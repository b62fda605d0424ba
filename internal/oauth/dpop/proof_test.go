package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"idp/internal/idp"
	"idp/internal/keys/keystest"
	"idp/internal/secret"
)

const endpoint = "https://idp.example/sso/oauth2/token"

var at = time.Unix(1_800_000_000, 0)

func newNonces(t testing.TB) Nonces {
	t.Helper()
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	return Nonces{ring}
}

func newKey(t testing.TB, alg string) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch alg {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case idp.AlgEdDSA, idp.AlgEd25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// good are the claims of a proof that holds.
func good() map[string]any {
	return map[string]any{"jti": "j-1", "htm": "POST", "htu": endpoint, "iat": at.Unix()}
}

// sign makes a proof; header members are laid over the usual ones, nil takes one away.
func sign(t testing.TB, alg string, key crypto.Signer, claims any, header map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType(typeProof)
	for name, value := range header {
		if value == nil {
			delete(options.ExtraHeaders, jose.HeaderKey(name))
			if name == "jwk" {
				options.EmbedJWK = false
			}
			continue
		}
		options.WithHeader(jose.HeaderKey(name), value)
	}
	var by any = key
	if alg == idp.AlgEd25519 {
		by = keystest.Ed25519{Signer: key}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: by}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return keystest.Sign(t, signer, payload)
}

func expected() Expected { return Expected{Method: "POST", URLs: []string{endpoint}} }

func codeOf(err error) string {
	var e *Error
	if err == nil {
		return ""
	}
	if !errors.As(err, &e) {
		return "not ours: " + err.Error()
	}
	return e.Code
}

// RFC 9449 §5.1: each algorithm that discovery names verifies, with the thumbprint of RFC 7638.
func TestVerify_TakesEachAlgorithm(t *testing.T) {
	t.Parallel()
	for _, alg := range idp.DPoPAlgorithms() {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			key := newKey(t, alg)
			p, err := Verify([]string{sign(t, alg, key, good(), nil)}, expected(), newNonces(t), at)
			if err != nil {
				t.Fatal(err)
			}
			want, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
			if err != nil || p.Thumbprint != base64.RawURLEncoding.EncodeToString(want) {
				t.Errorf("thumbprint %s, %v, want that of the key", p.Thumbprint, err)
			}
			if p.Replay != p.Thumbprint+" j-1" || p.Until.Before(at.Add(window)) {
				t.Errorf("got %+v, want the proof remembered by key and jti for as long as it would be taken", p)
			}
		})
	}
}

// RFC 9449 §4.3: each check alone refuses.
func TestVerify_EachCheckAloneRefuses(t *testing.T) {
	t.Parallel()
	key, nonces := newKey(t, "ES256"), newNonces(t)
	token := "the access token"
	sum := sha256.Sum256([]byte(token))
	hash := base64.RawURLEncoding.EncodeToString(sum[:])
	change := func(pairs ...any) map[string]any {
		c := good()
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] == nil {
				delete(c, pairs[i].(string))
			} else {
				c[pairs[i].(string)] = pairs[i+1]
			}
		}
		return c
	}
	ahead := func(d time.Duration) int64 { return at.Add(d).Unix() }
	for name, c := range map[string]struct {
		claims any
		header map[string]any
		token  string
		want   string
	}{
		"as it should be":          {claims: good()},
		"typ in capitals":          {claims: good(), header: map[string]any{"typ": "DPoP+JWT"}},
		"iat ten seconds ahead":    {claims: change("iat", ahead(10*time.Second))},
		"iat ten seconds ago":      {claims: change("iat", ahead(-10*time.Second))},
		"iat with a fraction":      {claims: change("iat", float64(at.Unix())+0.5)},
		"iat an hour ahead":        {claims: change("iat", ahead(time.Hour)), want: idp.CodeInvalidDPoPProof},
		"iat an hour ago":          {claims: change("iat", ahead(-time.Hour)), want: idp.CodeInvalidDPoPProof},
		"iat 61 seconds ago":       {claims: change("iat", ahead(-61*time.Second)), want: idp.CodeInvalidDPoPProof},
		"no iat":                   {claims: change("iat", nil), want: idp.CodeInvalidDPoPProof},
		"iat a text":               {claims: change("iat", "now"), want: idp.CodeInvalidDPoPProof},
		"iat beyond all bounds":    {claims: change("iat", 1e300), want: idp.CodeInvalidDPoPProof},
		"iat negative":             {claims: change("iat", -1), want: idp.CodeInvalidDPoPProof},
		"iat null":                 {claims: json.RawMessage(`{"jti":"j","htm":"POST","htu":"` + endpoint + `","iat":null}`), want: idp.CodeInvalidDPoPProof},
		"iat twice":                {claims: json.RawMessage(`{"jti":"j","htm":"POST","htu":"` + endpoint + `","iat":1800000000,"iat":1}`), want: idp.CodeInvalidDPoPProof},
		"a list":                   {claims: json.RawMessage(`[1]`), want: idp.CodeInvalidDPoPProof},
		"no jti":                   {claims: change("jti", nil), want: idp.CodeInvalidDPoPProof},
		"empty jti":                {claims: change("jti", ""), want: idp.CodeInvalidDPoPProof},
		"long jti":                 {claims: change("jti", strings.Repeat("j", jtiMost+1)), want: idp.CodeInvalidDPoPProof},
		"jti a number":             {claims: change("jti", 1), want: idp.CodeInvalidDPoPProof},
		"no htm":                   {claims: change("htm", nil), want: idp.CodeInvalidDPoPProof},
		"another htm":              {claims: change("htm", "GET"), want: idp.CodeInvalidDPoPProof},
		"htm in small letters":     {claims: change("htm", "post"), want: idp.CodeInvalidDPoPProof},
		"no htu":                   {claims: change("htu", nil), want: idp.CodeInvalidDPoPProof},
		"another htu":              {claims: change("htu", "https://idp.example/sso/oauth2/userinfo"), want: idp.CodeInvalidDPoPProof},
		"typ JWT":                  {claims: good(), header: map[string]any{"typ": "JWT"}, want: idp.CodeInvalidDPoPProof},
		"typ of access tokens":     {claims: good(), header: map[string]any{"typ": "at+jwt"}, want: idp.CodeInvalidDPoPProof},
		"typ a list":               {claims: good(), header: map[string]any{"typ": []string{typeProof}}, want: idp.CodeInvalidDPoPProof},
		"no typ":                   {claims: good(), header: map[string]any{"typ": nil}, want: idp.CodeInvalidDPoPProof},
		"no jwk":                   {claims: good(), header: map[string]any{"jwk": nil}, want: idp.CodeInvalidDPoPProof},
		"something critical":       {claims: good(), header: map[string]any{"crit": []string{"x"}, "x": 1}, want: idp.CodeInvalidDPoPProof},
		"exp has passed":           {claims: change("exp", ahead(-2*time.Minute)), want: idp.CodeInvalidDPoPProof},
		"exp to come":              {claims: change("exp", ahead(time.Minute))},
		"nbf to come":              {claims: change("nbf", ahead(2*time.Minute)), want: idp.CodeInvalidDPoPProof},
		"nbf has passed":           {claims: change("nbf", ahead(-time.Minute))},
		"exp beyond all bounds":    {claims: change("exp", 1e300), want: idp.CodeInvalidDPoPProof},
		"a strange nonce":          {claims: change("nonce", "abc"), want: idp.CodeUseDPoPNonce},
		"an empty nonce":           {claims: change("nonce", ""), want: idp.CodeUseDPoPNonce},
		"a long nonce":             {claims: change("nonce", strings.Repeat("1.", 2000)), want: idp.CodeUseDPoPNonce},
		"a nonce of ours":          {claims: change("nonce", nonces.Next(at))},
		"a nonce and a wrong iat":  {claims: change("nonce", nonces.Next(at), "iat", ahead(-time.Hour))},
		"ath at a resource":        {claims: change("ath", hash), token: token},
		"no ath at a resource":     {claims: good(), token: token, want: idp.CodeInvalidDPoPProof},
		"another ath":              {claims: change("ath", hash[1:]+"A"), token: token, want: idp.CodeInvalidDPoPProof},
		"ath where none is wanted": {claims: change("ath", "x")},
	} {
		e := expected()
		e.AccessToken = c.token
		if _, err := Verify([]string{sign(t, "ES256", key, c.claims, c.header)}, e, nonces, at); codeOf(err) != c.want {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := Verify([]string{sign(t, "ES256", key, good(), nil), sign(t, "ES256", key, good(), nil)}, expected(), nonces, at); codeOf(err) != idp.CodeInvalidDPoPProof {
		t.Errorf("two headers: got %v", err)
	}
}

// SEC-17: what attackers make of headers and keys.
func TestVerify_HostileProofsAreRefused(t *testing.T) {
	t.Parallel()
	nonces := newNonces(t)
	ec := newKey(t, "ES256").(*ecdsa.PrivateKey)
	text := sign(t, "ES256", ec, good(), nil)
	parts := strings.Split(text, ".")
	public := func(v any) string {
		b, err := json.Marshal(jose.JSONWebKey{Key: v})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	header := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, proof := range map[string]string{
		"nothing":              "",
		"dots":                 "..",
		"four parts":           text + ".x",
		"alg none":             header(`{"typ":"dpop+jwt","alg":"none","jwk":`+public(ec.Public())+`}`) + "." + parts[1] + ".",
		"symmetric":            header(`{"typ":"dpop+jwt","alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}`) + "." + parts[1] + "." + parts[2],
		"a symmetric jwk":      header(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"oct","k":"AAAA"}}`) + "." + parts[1] + "." + parts[2],
		"a private jwk":        header(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+public(ec)+`}`) + "." + parts[1] + "." + parts[2],
		"jwk null":             header(`{"typ":"dpop+jwt","alg":"ES256","jwk":null}`) + "." + parts[1] + "." + parts[2],
		"jwk a list":           header(`{"typ":"dpop+jwt","alg":"ES256","jwk":[]}`) + "." + parts[1] + "." + parts[2],
		"jwk twice":            header(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+public(ec.Public())+`,"jwk":`+public(ec.Public())+`}`) + "." + parts[1] + "." + parts[2],
		"a point off the line": header(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}}`) + "." + parts[1] + "." + parts[2],
		"another key's":        header(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+public(newKey(t, "ES256").Public())+`}`) + "." + parts[1] + "." + parts[2],
		"another content":      parts[0] + "." + header(`{"jti":"k","htm":"POST","htu":"`+endpoint+`","iat":1800000000}`) + "." + parts[2],
		"no signature":         parts[0] + "." + parts[1] + ".",
		"a signature of zeros": parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"a small RSA key":      header(`{"typ":"dpop+jwt","alg":"PS256","jwk":`+public(small.Public())+`}`) + "." + parts[1] + "." + parts[2],
		"a curve not its own":  header(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+public(newKey(t, "ES384").Public())+`}`) + "." + parts[1] + "." + parts[2],
		"line ends":            parts[0] + "\r\n." + parts[1] + "." + parts[2],
		"too long":             sign(t, "ES256", ec, map[string]any{"jti": strings.Repeat("x", proofMost)}, nil),
		"nested deep":          header(strings.Repeat(`{"a":`, 1000)) + ".e30.AA",
	} {
		if _, err := Verify([]string{proof}, expected(), nonces, at); codeOf(err) != idp.CodeInvalidDPoPProof {
			t.Errorf("%s: got %v, want invalid_dpop_proof", name, err)
		}
	}
	e := expected()
	e.Algorithms = []string{"PS256", "ES256", "EdDSA"} // FAPI 2.0 §5.4.1
	for alg, want := range map[string]string{"RS256": idp.CodeInvalidDPoPProof, "ES384": idp.CodeInvalidDPoPProof, "PS256": "", "ES256": "", "EdDSA": ""} {
		if _, err := Verify([]string{sign(t, alg, newKey(t, alg), good(), nil)}, e, nonces, at); codeOf(err) != want {
			t.Errorf("%s where FAPI's algorithms are registered: got %v, want %q", alg, err, want)
		}
	}
}

// RFC 9449 §4.3: htu is compared after the normalisation of RFC 3986, without query and fragment.
func TestSameURL_Normalises(t *testing.T) {
	t.Parallel()
	for htu, want := range map[string]bool{
		endpoint:            true,
		endpoint + "?a=b#c": true,
		endpoint + "#":      true,
		"HTTPS://IDP.example:443/sso/oauth2/token":    true,
		"https://idp.example/sso/./x/../oauth2/token": true,
		"https://idp.example/s%73o/oauth2/tok%65n":    true,
		"https://idp.example/sso/oauth2/token/":       false,
		"https://idp.example/sso//oauth2/token":       false,
		"https://idp.example/SSO/oauth2/token":        false,
		"https://idp.example:8443/sso/oauth2/token":   false,
		"http://idp.example/sso/oauth2/token":         false,
		"https://idp.example.evil/sso/oauth2/token":   false,
		"https://user@idp.example/sso/oauth2/token":   false,
		"https://idp.example/sso/oauth2/token%2F":     false,
		"/sso/oauth2/token":                           false,
		"https:/idp.example/sso/oauth2/token":         false,
		"":                                            false, "%": false, "https://%zz/": false, "https://idp.example/%": false,
		endpoint + strings.Repeat("?", urlMost): false,
	} {
		if got := sameURL(htu, []string{"https://other.example/x", endpoint}); got != want {
			t.Errorf("%q: got %v, want %v", htu, got, want)
		}
	}
	for _, root := range []string{"https://idp.example", "https://idp.example/", "https://idp.example:443"} {
		if !sameURL(root, []string{"https://idp.example/"}) {
			t.Errorf("%q is not the root", root)
		}
	}
}

// RFC 9449 §8: a nonce is good for some minutes, at every server with the same key ring, and nobody else makes one.
func TestNonces_AreKnownToEveryReplica(t *testing.T) {
	t.Parallel()
	old, fresh := secret.GenerateKey(), secret.GenerateKey()
	ring := func(keys ...secret.Key) Nonces {
		r, err := secret.NewKeyring(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return Nonces{r}
	}
	a, b, stranger := ring(old), ring(fresh, old), ring(fresh)
	nonce := a.Next(at)
	if nonce != ring(old).Next(at) {
		t.Error("two servers with one key ring make different nonces in one moment")
	}
	if strings.ContainsFunc(nonce, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		t.Errorf("nonce %q has characters that RFC 9449 §8.1 does not allow", nonce)
	}
	for name, c := range map[string]struct {
		n     Nonces
		nonce string
		at    time.Time
		want  bool
	}{
		"at once":                       {a, nonce, at, true},
		"after the ring got a new key":  {b, nonce, at, true},
		"after four minutes":            {a, nonce, at.Add(4 * time.Minute), true},
		"after seven minutes":           {a, nonce, at.Add(7 * time.Minute), false},
		"a clock behind by half":        {a, nonce, at.Add(-30 * time.Second), true},
		"a clock behind by two minutes": {a, nonce, at.Add(-2 * time.Minute), false},
		"another ring":                  {stranger, nonce, at, false},
		"another minute's digest":       {a, "1" + nonce, at, false},
		"a sign before the minute":      {a, "+" + nonce, at, false},
		"without a digest":              {a, strings.Split(nonce, ".")[0] + ".", at, false},
	} {
		if until, got := c.n.until(c.nonce, c.at); got != c.want || got && !until.After(c.at) {
			t.Errorf("%s: got %v until %s, want %v", name, got, until, c.want)
		}
	}
	e := expected()
	e.NonceRequired = true
	key := newKey(t, "ES256")
	if _, err := Verify([]string{sign(t, "ES256", key, good(), nil)}, e, a, at); codeOf(err) != idp.CodeUseDPoPNonce {
		t.Errorf("no nonce where one is required: got %v, want use_dpop_nonce", err)
	}
	claims := good()
	claims["nonce"] = nonce
	if p, err := Verify([]string{sign(t, "ES256", key, claims, nil)}, e, a, at.Add(3*time.Minute)); err != nil || !p.Nonced || p.Until.Before(at.Add(3*time.Minute)) {
		t.Errorf("a nonce of three minutes ago: got %+v, %v, want it taken, and the proof remembered as long as it is", p, err)
	}
}

// No text, however malformed, is a proof unless it is signed by the key that it names; and nothing breaks.
func FuzzVerify(f *testing.F) {
	nonces := newNonces(f)
	key := newKey(f, "ES256")
	f.Add(sign(f, "ES256", key, good(), nil))
	f.Add(sign(f, "EdDSA", newKey(f, "EdDSA"), good(), map[string]any{"typ": nil}))
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"none","jwk":{"kty":"RSA","n":"AQ","e":"AQ"}}`)) + ".e30.")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Verify([]string{text}, expected(), nonces, at)
		if err != nil && codeOf(err) != idp.CodeInvalidDPoPProof && codeOf(err) != idp.CodeUseDPoPNonce {
			t.Fatalf("%q: got %v", text, err)
		}
		if err == nil && (len(p.Thumbprint) != 43 || p.Replay == "" || len(text) > proofMost) {
			t.Fatalf("%q: got %+v", text, p)
		}
	})
}

// No htu, however malformed, is taken for another address.
func FuzzSameURL(f *testing.F) {
	f.Add(endpoint + "?x#y")
	f.Fuzz(func(t *testing.T, htu string) {
		if sameURL(htu, []string{"https://idp.example/sso/oauth2/token"}) && !strings.Contains(strings.ToLower(htu), "idp.example") {
			t.Fatalf("%q was taken", htu)
		}
	})
}
