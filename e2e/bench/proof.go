package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// What an application with a key sends: client assertions (RFC 7523) and DPoP proofs (RFC 9449). Both are made by hand: a library would cost the
// generator more than the server is worth.

// signingKey is the key of the client that signs, and of every proof. Its public half stands in the seed file.
func signingKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte("b"), 32))
}

// publicJWK is the key as an object of a JWK Set, which is YAML too.
func publicJWK(key *ecdsa.PrivateKey) (string, error) {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, encode(point[1:33]), encode(point[33:])), nil
}

// signer makes the JWTs of one worker.
type signer struct {
	key  *ecdsa.PrivateKey
	head map[string]string // by purpose, encoded
}

func newSigner() (*signer, error) {
	key, err := signingKey()
	if err != nil {
		return nil, err
	}
	jwk, err := publicJWK(key)
	if err != nil {
		return nil, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return &signer{key, map[string]string{
		purposeAssertion: encode([]byte(`{"alg":"ES256"}`)),
		purposeProof:     encode([]byte(`{"typ":"dpop+jwt","alg":"ES256","jwk":` + jwk + `}`)),
	}}, nil
}

const (
	purposeAssertion = "assertion"
	purposeProof     = "proof"
)

func (s *signer) sign(purpose string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := s.head[purpose] + "." + base64.RawURLEncoding.EncodeToString(payload)
	sum := sha256.Sum256([]byte(text))
	r, z, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	z.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature[:]), nil
}

// assertion proves that the worker is the client (RFC 7523 §3).
func (w *worker) assertion(clientID string) (string, error) {
	now := time.Now().Unix()
	text, err := w.signer.sign(purposeAssertion, map[string]any{
		"iss": clientID, "sub": clientID, "aud": w.site.issuer, "jti": rand.Text(), "iat": now, "exp": now + 60,
	})
	return "client_assertion_type=" + url.QueryEscape("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") + "&client_assertion=" + text, err
}

// proof is a header that proves that the worker holds the key, for one request to the token endpoint (RFC 9449 §4.2).
func (w *worker) proof() (string, error) {
	text, err := w.signer.sign(purposeProof, map[string]any{"jti": rand.Text(), "htm": "POST", "htu": w.site.issuer + pathToken, "iat": time.Now().Unix()})
	return "DPoP: " + text + "\r\n", err
}

// withKey gets a worker a signer.
func withKey(w *worker) (err error) {
	w.signer, err = newSigner()
	return err
}

// boundToken wants a right answer of the token endpoint with a token that is bound to the key.
func (w *worker) boundToken(a answer) error {
	token := member(a.body, "access_token")
	if a.status != 200 || member(a.body, "token_type") != "DPoP" || strings.Count(token, ".") != 2 || token == w.last {
		return wrong("bound token", a)
	}
	w.last = token
	return nil
}

// boundClientCredentials is client_credentials with a DPoP proof.
func boundClientCredentials(w *worker) error {
	proof, err := w.proof()
	if err != nil {
		return err
	}
	w.request = w.site.post(w.request, pathToken, basic("es256")+proof, "grant_type=client_credentials&scope=api.read")
	a, err := w.send(w.request)
	if err != nil {
		return err
	}
	return w.boundToken(a)
}

// strictCode is FAPI 2.0's way: the request is pushed with an assertion, opened with the worker's session, and the code redeemed with an assertion, a
// verifier and a proof. Three requests.
func strictCode(w *worker) error {
	const clientID = "strict"
	unique := w.unique()
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	assertion, err := w.assertion(clientID)
	if err != nil {
		return err
	}
	pkce := "&code_challenge_method=S256&code_challenge=" + base64.RawURLEncoding.EncodeToString(sum[:])
	w.request = w.site.post(w.request, pathPush, "", query(clientID, userScopes, unique, unique, "none")+pkce+"&"+assertion)
	a, err := w.send(w.request)
	if err != nil {
		return err
	}
	uri := member(a.body, "request_uri")
	if a.status != 201 || uri == "" {
		return wrong("push", a)
	}
	a, err = w.send(w.site.get(pathAuthorize+"?client_id="+clientID+"&request_uri="+url.QueryEscape(uri), w.cookieHeader()))
	if err != nil {
		return err
	}
	code, err := codeOf(a, unique)
	if err != nil {
		return err
	}
	if assertion, err = w.assertion(clientID); err != nil {
		return err
	}
	proof, err := w.proof()
	if err != nil {
		return err
	}
	w.request = w.site.post(w.request, pathToken, proof, "grant_type=authorization_code&code="+code+"&redirect_uri="+url.QueryEscape(redirectURI)+"&code_verifier="+verifier+"&"+assertion)
	if a, err = w.send(w.request); err != nil {
		return err
	}
	if err := w.boundToken(a); err != nil {
		return err
	}
	return w.checkID(member(a.body, "id_token"), unique)
}
