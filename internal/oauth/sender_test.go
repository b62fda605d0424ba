package oauth_test

import (
	"context"
	"crypto"
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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/keys/keystest"
	"idp/internal/oauth"
	"idp/internal/store/sqldb"
)

// prover holds a key and makes DPoP proofs.
type prover struct {
	signer jose.Signer
	jkt    string
}

func newProver(t testing.TB) *prover {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	must(t, err)
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	must(t, err)
	return &prover{signer, base64.RawURLEncoding.EncodeToString(sum)}
}

// proof makes a proof for a request; pairs are laid over its claims.
func (p *prover) proof(t testing.TB, method, path, token string, pairs ...any) string {
	t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": issuer + path, "iat": time.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	for i := 0; i < len(pairs); i += 2 {
		claims[pairs[i].(string)] = pairs[i+1]
	}
	payload, err := json.Marshal(claims)
	must(t, err)
	return keystest.Sign(t, p.signer, payload)
}

// reply is an answer with the round trips that it cost.
type reply struct {
	code   int
	header http.Header
	json   map[string]any
	trips  int64
}

// send sends a request; change may be nil.
func (w *world) send(t testing.TB, method, path string, form url.Values, change func(*http.Request)) reply {
	t.Helper()
	ctx, n := sqldb.WithCounter(t.Context())
	r := httptest.NewRequestWithContext(ctx, method, issuer+path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if change != nil {
		change(r)
	}
	rec := w.do(t, r)
	got := reply{code: rec.Code, header: rec.Header(), trips: n.Trips()}
	_ = json.Unmarshal(rec.Body.Bytes(), &got.json) // some answers have no body
	return got
}

// prove sends a token request with a proof, as the client app unless the form names one.
func (w *world) prove(t testing.TB, proof string, pairs ...string) reply {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return w.send(t, http.MethodPost, "/oauth2/token", form, func(r *http.Request) {
		if !form.Has("client_id") {
			r.SetBasicAuth("app", w.secret)
		}
		if proof != "" {
			r.Header.Set("DPoP", proof)
		}
	})
}

func (g reply) want(t testing.TB, what string, code int, err string) reply {
	t.Helper()
	if got, _ := g.json["error"].(string); g.code != code || got != err {
		t.Fatalf("%s: got %d %v, want %d %q", what, g.code, g.json, code, err)
	}
	return g
}

func (g reply) text(name string) string {
	s, _ := g.json[name].(string)
	return s
}

// userInfo asks with a token by a scheme, with a proof if there is one.
func (w *world) userInfo(t testing.TB, scheme, token, proof string) reply {
	t.Helper()
	return w.send(t, http.MethodGet, "/oauth2/userinfo", nil, func(r *http.Request) {
		r.Header.Set("Authorization", scheme+" "+token)
		if proof != "" {
			r.Header.Set("DPoP", proof)
		}
	})
}

const tokenPath, userInfoPath = "/oauth2/token", "/oauth2/userinfo"

func confirmed(t testing.TB, claims map[string]any) map[string]any {
	t.Helper()
	cnf, _ := claims["cnf"].(map[string]any)
	return cnf
}

// RFC 9449 §5, §6, §7: what was got with a proof is of no use without the key, whatever its format.
func TestDPoP_TokensNeedTheKey(t *testing.T) {
	t.Parallel()
	for _, format := range []string{idp.AccessTokenJWT, idp.AccessTokenOpaque} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *idp.Client) { c.Contract.AccessTokenFormat = format })
			key, other := newProver(t), newProver(t)
			code := w.az(t, w.signIn(t)).Get("code")
			got := w.prove(t, key.proof(t, "POST", tokenPath, ""), "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier).want(t, "exchange", 200, "")
			if got.text("token_type") != "DPoP" {
				t.Errorf("token_type %v, want DPoP", got.json["token_type"])
			}
			token := got.text("access_token")
			if format == idp.AccessTokenJWT && confirmed(t, claimsOf(t, token))["jkt"] != key.jkt {
				t.Errorf("cnf %v, want jkt %s", claimsOf(t, token)["cnf"], key.jkt)
			}
			asked := w.send(t, http.MethodPost, "/oauth2/introspect", url.Values{"token": {token}}, func(r *http.Request) { r.SetBasicAuth("app", w.secret) })
			if confirmed(t, asked.json)["jkt"] != key.jkt || asked.json["token_type"] != "DPoP" || asked.json["active"] != true {
				t.Errorf("introspection says %v, want the key", asked.json)
			}
			w.userInfo(t, "DPoP", token, key.proof(t, "GET", userInfoPath, token)).want(t, "with the key", 200, "")
			w.userInfo(t, "dpop", token, key.proof(t, "GET", userInfoPath, token)).want(t, "scheme in small letters", 200, "")
			spent := key.proof(t, "GET", userInfoPath, token)
			w.userInfo(t, "DPoP", token, spent).want(t, "a proof", 200, "")
			for name, c := range map[string]struct{ scheme, proof, err string }{
				"as a bearer token":        {"Bearer", "", "invalid_token"},
				"bearer beside a proof":    {"Bearer", key.proof(t, "GET", userInfoPath, token), "invalid_token"},
				"no proof":                 {"DPoP", "", "invalid_dpop_proof"},
				"another key":              {"DPoP", other.proof(t, "GET", userInfoPath, token), "invalid_token"},
				"no ath":                   {"DPoP", key.proof(t, "GET", userInfoPath, ""), "invalid_dpop_proof"},
				"another token's ath":      {"DPoP", key.proof(t, "GET", userInfoPath, "x"), "invalid_dpop_proof"},
				"another method":           {"DPoP", key.proof(t, "POST", userInfoPath, token), "invalid_dpop_proof"},
				"another endpoint":         {"DPoP", key.proof(t, "GET", tokenPath, token), "invalid_dpop_proof"},
				"a proof that came before": {"DPoP", spent, "invalid_dpop_proof"},
			} {
				refused := w.userInfo(t, c.scheme, token, c.proof).want(t, name, 401, c.err)
				if challenge := refused.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "DPoP algs=\"ES256 ") || !strings.Contains(challenge, c.err) {
					t.Errorf("%s: challenge %q, want DPoP with algs and the error", name, challenge)
				}
			}
			w.send(t, http.MethodGet, userInfoPath, nil, func(r *http.Request) {
				r.Header["Authorization"] = []string{"DPoP " + token, "Bearer " + token}
				r.Header.Set("DPoP", key.proof(t, "GET", userInfoPath, token))
			}).want(t, "two Authorization headers", 400, "invalid_request")
			w.send(t, http.MethodGet, userInfoPath, nil, func(r *http.Request) {
				r.Header.Set("Authorization", "DPoP "+token)
				r.Header["Dpop"] = []string{key.proof(t, "GET", userInfoPath, token), key.proof(t, "GET", userInfoPath, token)}
			}).want(t, "two proofs", 401, "invalid_dpop_proof")
			w.send(t, http.MethodPost, userInfoPath, url.Values{"access_token": {token}}, nil).want(t, "in the body", 401, "invalid_token")

			bearer := w.tokens(t)["access_token"].(string)
			w.userInfo(t, "DPoP", bearer, key.proof(t, "GET", userInfoPath, bearer)).want(t, "a bearer token by the scheme DPoP", 401, "invalid_token")
			if got := w.send(t, http.MethodGet, userInfoPath, nil, nil); got.code != 401 || len(got.header.Values("WWW-Authenticate")) != 2 {
				t.Errorf("nothing: got %d %q, want both schemes named", got.code, got.header.Values("WWW-Authenticate"))
			}
		})
	}
}

// RFC 9449 §5.2, §10: a client that must prove cannot leave it out, and a code is for the key that the request named.
func TestDPoP_CodeIsBoundToTheRequestsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cookies, key, other := w.signIn(t), newProver(t), newProver(t)
	exchange := func(proof, code string) reply {
		return w.prove(t, proof, "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier)
	}
	code := func() string { return w.az(t, cookies, "dpop_jkt", key.jkt).Get("code") }
	exchange(key.proof(t, "POST", tokenPath, ""), code()).want(t, "the key", 200, "")
	exchange(other.proof(t, "POST", tokenPath, ""), code()).want(t, "another key", 400, "invalid_grant")
	exchange("", code()).want(t, "no proof", 400, "invalid_grant")
	// A proof that fails must not cost the code.
	kept := code()
	exchange(key.proof(t, "GET", tokenPath, ""), kept).want(t, "a bad proof", 400, "invalid_dpop_proof")
	exchange(key.proof(t, "POST", tokenPath, ""), kept).want(t, "the same code after it", 200, "")
	for _, bad := range []string{"x", key.jkt[1:], key.jkt + "A", strings.Repeat("=", 43)} {
		if q := w.az(t, cookies, "dpop_jkt", bad); q.Get("error") != "invalid_request" {
			t.Errorf("dpop_jkt %q: got %v, want invalid_request", bad, q)
		}
	}

	pushed := func(proof string, pairs ...string) reply {
		form := url.Values{
			"client_id": {"app"}, "client_secret": {w.secret}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
			"code_challenge": {challenge()}, "code_challenge_method": {"S256"},
		}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return w.send(t, http.MethodPost, "/oauth2/par", form, func(r *http.Request) { r.Header.Set("DPoP", proof) })
	}
	uri := pushed(key.proof(t, "POST", "/oauth2/par", "")).want(t, "a proof with a pushed request", 201, "").text("request_uri")
	exchange(other.proof(t, "POST", tokenPath, ""), w.az(t, cookies, "request_uri", uri).Get("code")).want(t, "another key than that of the pushed request", 400, "invalid_grant")
	uri = pushed(key.proof(t, "POST", "/oauth2/par", ""), "dpop_jkt", key.jkt).want(t, "both", 201, "").text("request_uri")
	exchange(key.proof(t, "POST", tokenPath, ""), w.az(t, cookies, "request_uri", uri).Get("code")).want(t, "the key of the pushed request", 200, "")
	pushed(key.proof(t, "POST", "/oauth2/par", ""), "dpop_jkt", other.jkt).want(t, "a proof by another key than dpop_jkt", 400, "invalid_dpop_proof")
	pushed(key.proof(t, "POST", tokenPath, "")).want(t, "a proof for another endpoint", 400, "invalid_dpop_proof")

	w = newWorld(t, func(c *idp.Client) { c.DPoPBound = true })
	w.prove(t, "", "grant_type", "client_credentials", "scope", "api").want(t, "a client that must prove", 400, "invalid_dpop_proof")
	w.prove(t, key.proof(t, "POST", tokenPath, ""), "grant_type", "client_credentials", "scope", "api").want(t, "and does", 200, "")
}

// RFC 9449 §5, RFC 8705 §4: the refresh token of a client without credentials is bound to the key; that of another to the credentials.
func TestDPoP_RefreshTokensArePublicClientsOwn(t *testing.T) {
	t.Parallel()
	public := newWorld(t, func(c *idp.Client) {
		c.AuthMethods, c.Secrets, c.GrantTypes = []string{idp.AuthNone}, nil, []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken}
		c.RequirePKCE = true
	})
	key, other := newProver(t), newProver(t)
	first := public.prove(t, key.proof(t, "POST", tokenPath, ""), "client_id", "app", "grant_type", "authorization_code", "code", public.az(t, public.signIn(t)).Get("code"), "redirect_uri", callback, "code_verifier", verifier).
		want(t, "exchange", 200, "")
	refresh := func(w *world, proof, token string, pairs ...string) reply {
		return w.prove(t, proof, append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...)
	}
	token := first.text("refresh_token")
	refresh(public, "", token, "client_id", "app").want(t, "without a proof", 400, "invalid_grant")
	refresh(public, other.proof(t, "POST", tokenPath, ""), token, "client_id", "app").want(t, "with another key", 400, "invalid_grant")
	next := refresh(public, key.proof(t, "POST", tokenPath, ""), token, "client_id", "app").want(t, "with the key", 200, "")
	if next.text("token_type") != "DPoP" || confirmed(t, claimsOf(t, next.text("access_token")))["jkt"] != key.jkt {
		t.Errorf("got %v, want a token bound to the key", next.json)
	}
	refresh(public, other.proof(t, "POST", tokenPath, ""), next.text("refresh_token"), "client_id", "app").want(t, "the successor with another key", 400, "invalid_grant")
	refresh(public, key.proof(t, "POST", tokenPath, ""), next.text("refresh_token"), "client_id", "app").want(t, "the successor with the key", 200, "")

	// One that was bound to nothing is bound by the first proof that comes with it.
	_, _, plain := public.token(t, "client_id", "app", "grant_type", "authorization_code", "code", public.az(t, public.signIn(t)).Get("code"), "redirect_uri", callback, "code_verifier", verifier)
	bound := refresh(public, key.proof(t, "POST", tokenPath, ""), plain["refresh_token"].(string), "client_id", "app").want(t, "a bearer client begins to prove", 200, "")
	refresh(public, "", bound.text("refresh_token"), "client_id", "app").want(t, "and stops", 400, "invalid_grant")

	confidential := newWorld(t)
	got := confidential.prove(t, key.proof(t, "POST", tokenPath, ""), "grant_type", "authorization_code", "code", confidential.az(t, confidential.signIn(t)).Get("code"), "redirect_uri", callback, "code_verifier", verifier).
		want(t, "exchange", 200, "")
	changed := refresh(confidential, other.proof(t, "POST", tokenPath, ""), got.text("refresh_token")).want(t, "a new key", 200, "")
	if confirmed(t, claimsOf(t, changed.text("access_token")))["jkt"] != other.jkt {
		t.Errorf("got %v, want a token bound to the new key", changed.json)
	}
}

// RFC 9449 §8, §8.2, §9: a client learns the nonce from the refusal and keeps it; nothing is spent meanwhile.
func TestDPoP_NonceIsLearnedFromTheRefusalAndNothingIsSpent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idp.Client) { c.DPoPNonce = true })
	key := newProver(t)
	code := w.az(t, w.signIn(t)).Get("code")
	exchange := func(proof string) reply {
		return w.prove(t, proof, "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier)
	}
	refused := exchange(key.proof(t, "POST", tokenPath, "")).want(t, "no nonce", 400, "use_dpop_nonce")
	nonce := refused.header.Get("DPoP-Nonce")
	if nonce == "" || refused.trips != 0 {
		t.Fatalf("got nonce %q in %d trips, want one without a statement", nonce, refused.trips)
	}
	exchange(key.proof(t, "POST", tokenPath, "", "nonce", nonce+"x")).want(t, "a wrong nonce", 400, "use_dpop_nonce")
	// A clock that is an hour wrong is no matter now.
	got := exchange(key.proof(t, "POST", tokenPath, "", "nonce", nonce, "iat", time.Now().Add(-time.Hour).Unix())).want(t, "the nonce", 200, "")
	if got.header.Get("DPoP-Nonce") == "" || got.trips != 2 {
		t.Errorf("got nonce %q in %d trips, want the next one, and one statement for the proof", got.header.Get("DPoP-Nonce"), got.trips)
	}
	token := got.text("access_token")
	atUserInfo := w.userInfo(t, "DPoP", token, key.proof(t, "GET", userInfoPath, token)).want(t, "UserInfo without it", 401, "use_dpop_nonce")
	if nonce = atUserInfo.header.Get("DPoP-Nonce"); nonce == "" || !strings.Contains(atUserInfo.header.Get("WWW-Authenticate"), "use_dpop_nonce") {
		t.Fatalf("UserInfo: %v, want a nonce", atUserInfo.header)
	}
	proof := key.proof(t, "GET", userInfoPath, token, "nonce", nonce)
	if got := w.userInfo(t, "DPoP", token, proof).want(t, "UserInfo with it", 200, ""); got.trips != 2 {
		t.Errorf("UserInfo: %d trips, want 2", got.trips)
	}
	w.userInfo(t, "DPoP", token, proof).want(t, "the same proof again", 401, "invalid_dpop_proof")
}

// A proof costs one statement at most, with a nonce or without; a bearer client's request none.
func TestTrips_AProofCostsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cookies, key := w.signIn(t), newProver(t)
	w.az(t, cookies)
	proof := func() string { return key.proof(t, "POST", tokenPath, "") }
	if got := w.prove(t, proof(), "grant_type", "client_credentials", "scope", "api").want(t, "client_credentials", 200, ""); got.trips != 1 {
		t.Errorf("client_credentials: %d trips, want 1", got.trips)
	}
	n, q := w.azTrips(t, cookies, "dpop_jkt", key.jkt)
	if n != 1 {
		t.Errorf("authorization with dpop_jkt: %d trips, want 1", n)
	}
	got := w.prove(t, proof(), "grant_type", "authorization_code", "code", q.Get("code"), "redirect_uri", callback, "code_verifier", verifier).want(t, "exchange", 200, "")
	if got.trips != 2 {
		t.Errorf("exchange: %d trips, want 2", got.trips)
	}
	token := got.text("access_token")
	if got := w.prove(t, proof(), "grant_type", "refresh_token", "refresh_token", got.text("refresh_token")).want(t, "refresh", 200, ""); got.trips != 2 {
		t.Errorf("refresh: %d trips, want 2", got.trips)
	}
	if got := w.userInfo(t, "DPoP", token, key.proof(t, "GET", userInfoPath, token)).want(t, "UserInfo", 200, ""); got.trips != 2 {
		t.Errorf("UserInfo: %d trips, want 2", got.trips)
	}
	for name, pairs := range map[string][]string{
		"a forged code":          {"grant_type", "authorization_code", "code", "x"},
		"a forged refresh token": {"grant_type", "refresh_token", "refresh_token", "x"},
	} {
		if got := w.prove(t, proof(), pairs...).want(t, name, 400, "invalid_grant"); got.trips != 0 {
			t.Errorf("%s with a good proof: %d trips, want none: a stranger must not fill the table", name, got.trips)
		}
	}
}

// SEC-21: ten thousand parallel uses of one proof, and exactly one wins.
func TestDPoP_TenThousandUsesOfOneProofHaveOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prove(t, "", "grant_type", "client_credentials", "scope", "api").want(t, "the client is known", 200, "")
	proof := newProver(t).proof(t, "POST", tokenPath, "")
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	for range 10_000 {
		wg.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, issuer+tokenPath, strings.NewReader("grant_type=client_credentials&scope=api"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("app", w.secret)
			r.Header.Set("DPoP", proof)
			rec := httptest.NewRecorder()
			w.mux.ServeHTTP(rec, r)
			switch {
			case rec.Code == http.StatusOK:
				won.Add(1)
			case rec.Code == http.StatusBadRequest && strings.Contains(rec.Body.String(), "invalid_dpop_proof"):
				lost.Add(1)
			default:
				t.Errorf("got %d %s", rec.Code, rec.Body)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 9_999 {
		t.Errorf("%d won and %d lost, want one winner of ten thousand", won.Load(), lost.Load())
	}
}

// RFC 9449 §7: the admin API knows bound tokens too.
func TestDPoP_AdministratorsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idp.Client) { c.Scopes = append(c.Scopes, "idp.admin") })
	key := newProver(t)
	token := w.prove(t, key.proof(t, "POST", tokenPath, ""), "grant_type", "client_credentials", "scope", "idp.admin").want(t, "token", 200, "").text("access_token")
	ask := func(scheme, proof string) (idp.Actor, http.Header, error) {
		r := httptest.NewRequest(http.MethodGet, issuer+"/api/v1/clients?limit=1", nil)
		r.Header.Set("Authorization", scheme+" "+token)
		if proof != "" {
			r.Header.Set("DPoP", proof)
		}
		answer := http.Header{}
		actor, err := w.Administrator(answer, r)
		return actor, answer, err
	}
	if actor, _, err := ask("DPoP", key.proof(t, "GET", "/api/v1/clients", token)); err != nil || actor.ID != "app" {
		t.Errorf("with the key: got %+v, %v", actor, err)
	}
	for name, c := range map[string]struct{ scheme, proof string }{
		"as a bearer token": {"Bearer", ""},
		"another address":   {"DPoP", key.proof(t, "GET", "/api/v1/users", token)},
		"another key":       {"DPoP", newProver(t).proof(t, "GET", "/api/v1/clients", token)},
		"no proof":          {"DPoP", ""},
	} {
		_, answer, err := ask(c.scheme, c.proof)
		if idp.KindOf(err) != idp.Unauthenticated || !strings.HasPrefix(answer.Get("WWW-Authenticate"), "DPoP ") {
			t.Errorf("%s: got %v with the challenge %q, want it refused for want of the key", name, err, answer.Get("WWW-Authenticate"))
		}
	}
}

// RFC 8705 §3, §3.1, §3.2, §4: what was got over a connection with a certificate is of no use over another.
func TestCertificate_TokensNeedIt(t *testing.T) {
	t.Parallel()
	for name, public := range map[string]bool{"confidential": false, "public": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *idp.Client) {
				c.CertificateBound = true
				if public {
					c.AuthMethods, c.Secrets, c.RequirePKCE, c.GrantTypes = []string{idp.AuthNone}, nil, true, []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken}
				}
			})
			send := func(certificate, path, authorization string, pairs ...string) reply {
				form := url.Values{"client_id": {"app"}}
				if !public {
					form.Set("client_secret", w.secret)
				}
				for i := 0; i < len(pairs); i += 2 {
					form.Set(pairs[i], pairs[i+1])
				}
				method := http.MethodPost
				if path == userInfoPath {
					method, form = http.MethodGet, nil
				}
				return w.send(t, method, path, form, func(r *http.Request) {
					if authorization != "" {
						r.Header.Set("Authorization", authorization)
					}
					if certificate != "" {
						*r = *r.WithContext(idp.WithPeer(r.Context(), idp.Peer{Certificate: []byte(certificate)}))
					}
				})
			}
			code := []string{"grant_type", "authorization_code", "code", w.az(t, w.signIn(t)).Get("code"), "redirect_uri", callback, "code_verifier", verifier}
			send("", tokenPath, "", code...).want(t, "no certificate", 400, "invalid_request")
			got := send("one", tokenPath, "", code...).want(t, "exchange", 200, "")
			sum := sha256.Sum256([]byte("one"))
			thumbprint := base64.RawURLEncoding.EncodeToString(sum[:])
			token := got.text("access_token")
			if confirmed(t, claimsOf(t, token))["x5t#S256"] != thumbprint || got.text("token_type") != "Bearer" || got.trips != 1 {
				t.Errorf("got %v in %d trips, want a bearer token bound to the certificate, in one", claimsOf(t, token), got.trips)
			}
			if got := send("one", userInfoPath, "Bearer "+token).want(t, "UserInfo", 200, ""); got.trips != 1 {
				t.Errorf("UserInfo: %d trips, want 1", got.trips)
			}
			send("two", userInfoPath, "Bearer "+token).want(t, "UserInfo with another certificate", 401, "invalid_token")
			send("", userInfoPath, "Bearer "+token).want(t, "UserInfo without one", 401, "invalid_token")
			send("one", userInfoPath, "DPoP "+token).want(t, "UserInfo by the scheme DPoP", 401, "invalid_token")
			if !public {
				if asked := send("", "/oauth2/introspect", "", "token", token); confirmed(t, asked.json)["x5t#S256"] != thumbprint {
					t.Errorf("introspection says %v, want the certificate", asked.json)
				}
			}
			refresh := []string{"grant_type", "refresh_token", "refresh_token", got.text("refresh_token")}
			send("", tokenPath, "", refresh...).want(t, "refresh without a certificate", 400, "invalid_request")
			if !public {
				send("two", tokenPath, "", refresh...).want(t, "a client with credentials may change its certificate", 200, "")
				return
			}
			send("two", tokenPath, "", refresh...).want(t, "refresh with another certificate", 400, "invalid_grant")
			send("one", tokenPath, "", refresh...).want(t, "refresh", 200, "")
		})
	}
}

// A token that is bound to key and certificate needs both.
func TestSender_KeyAndCertificateAreBothNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idp.Client) { c.CertificateBound, c.DPoPBound = true, true })
	key := newProver(t)
	withCertificate := func(ctx context.Context) context.Context {
		return idp.WithPeer(ctx, idp.Peer{Certificate: []byte("one")})
	}
	code := w.az(t, w.signIn(t)).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	got := w.send(t, http.MethodPost, tokenPath, form, func(r *http.Request) {
		r.SetBasicAuth("app", w.secret)
		r.Header.Set("DPoP", key.proof(t, "POST", tokenPath, ""))
		*r = *r.WithContext(withCertificate(r.Context()))
	}).want(t, "exchange", 200, "")
	token := got.text("access_token")
	if cnf := confirmed(t, claimsOf(t, token)); len(cnf) != 2 {
		t.Errorf("cnf %v, want key and certificate", cnf)
	}
	for name, certificate := range map[string]bool{"both": true, "the key alone": false} {
		got := w.send(t, http.MethodGet, userInfoPath, nil, func(r *http.Request) {
			r.Header.Set("Authorization", "DPoP "+token)
			r.Header.Set("DPoP", key.proof(t, "GET", userInfoPath, token))
			if certificate {
				*r = *r.WithContext(withCertificate(r.Context()))
			}
		})
		if (got.code == 200) != certificate {
			t.Errorf("%s: got %d", name, got.code)
		}
	}
}

// The setting asks every client for a nonce.
func TestDPoP_SettingAsksEveryClientForANonce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conf := w.Config
	conf.RequireDPoPNonce = true
	p, err := oauth.New(conf)
	must(t, err)
	w.mux = http.NewServeMux()
	for _, r := range p.Routes() {
		w.mux.HandleFunc(r.Pattern, r.Handler)
	}
	key := newProver(t)
	got := w.prove(t, key.proof(t, "POST", tokenPath, ""), "grant_type", "client_credentials", "scope", "api").want(t, "no nonce", 400, "use_dpop_nonce")
	w.prove(t, key.proof(t, "POST", tokenPath, "", "nonce", got.header.Get("DPoP-Nonce")), "grant_type", "client_credentials", "scope", "api").want(t, "the nonce", 200, "")
	w.prove(t, "", "grant_type", "client_credentials", "scope", "api").want(t, "a bearer client", 200, "")
}

// RFC 8705 §3.3, §5: discovery says that tokens can be bound where certificates come, and proofs may name the address for those who have one.
func TestCertificate_DiscoverySaysWhetherTheyCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := "tls_client_certificate_bound_access_tokens"
	if got := w.send(t, http.MethodGet, "/.well-known/openid-configuration", nil, nil); got.json[member] != nil {
		t.Errorf("%s is %v where no certificates come", member, got.json[member])
	}
	key, alias := newProver(t), "https://mtls.idp.example"
	ask := func() reply {
		return w.prove(t, key.proof(t, "POST", tokenPath, "", "htu", alias+tokenPath), "grant_type", "client_credentials", "scope", "api")
	}
	ask().want(t, "an address that is nobody's", 400, "invalid_dpop_proof")
	conf := w.Config
	conf.MTLS = oauth.MTLS{Accepted: true, Origin: alias}
	p, err := oauth.New(conf)
	must(t, err)
	w.mux = http.NewServeMux()
	for _, r := range p.Routes() {
		w.mux.HandleFunc(r.Pattern, r.Handler)
	}
	if got := w.send(t, http.MethodGet, "/.well-known/openid-configuration", nil, nil); got.json[member] != true {
		t.Errorf("%s is %v where certificates come", member, got.json[member])
	}
	ask().want(t, "the address for clients with certificates", 200, "")
}
