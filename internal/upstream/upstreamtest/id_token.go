package upstreamtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"time"
)

// idToken makes the token as the script wants it. It signs by hand: a library would refuse to make most of the broken ones.
func (op *OP) idToken(script Script, g *grant, accessToken string, now time.Time) string {
	alg := script.Alg
	if alg == "" {
		alg = "ES256"
	}
	header := map[string]any{"alg": alg, "typ": "JWT", "kid": op.kid(alg)}
	if script.KeyID != nil {
		header["kid"] = *script.KeyID
		if *script.KeyID == "" {
			delete(header, "kid")
		}
	}
	hash := sha256.Sum256([]byte(accessToken))
	claims := map[string]any{
		"iss": op.Issuer, "sub": g.person.Subject, "aud": op.ClientID, "nonce": g.request.Get("nonce"),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "at_hash": b64(hash[:16]),
	}
	if g.person.HostedDomain != "" {
		claims["hd"] = g.person.HostedDomain
	}
	if !script.LeanIDToken {
		for name, value := range personClaims(g.person) {
			claims[name] = value
		}
	}
	if script.Header != nil {
		script.Header(header)
	}
	if script.Claims != nil {
		script.Claims(claims)
	}
	head, body := text(op, header), text(op, claims)
	if script.RawHeader != nil {
		head = script.RawHeader(head)
	}
	if script.RawClaims != nil {
		body = script.RawClaims(body)
	}
	input := b64([]byte(head)) + "." + b64([]byte(body))
	token := input + "." + b64(op.sign(script, alg, input))
	if script.RawIDToken != nil {
		token = script.RawIDToken(token)
	}
	return token
}

func personClaims(p Person) map[string]any {
	claims := map[string]any{}
	for name, value := range map[string]string{
		"email": p.Email, "name": p.Name, "given_name": p.GivenName, "family_name": p.FamilyName,
	} {
		if value != "" {
			claims[name] = value
		}
	}
	if p.EmailVerified != nil {
		claims["email_verified"] = p.EmailVerified
	}
	for name, value := range p.Extra {
		claims[name] = value
	}
	return claims
}

func (op *OP) sign(script Script, alg, input string) []byte {
	digest := sha256.Sum256([]byte(input))
	op.mu.Lock()
	ec := op.signer
	op.mu.Unlock()
	if script.Stranger {
		ec = op.stranger
	}
	switch alg {
	case "none":
		return nil
	case "HS256":
		der, err := x509.MarshalPKIXPublicKey(ec.Public())
		if err != nil {
			op.t.Error(err)
		}
		mac := hmac.New(sha256.New, der)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	case "RS256":
		sig, err := rsa.SignPKCS1v15(rand.Reader, op.rsa(), crypto.SHA256, digest[:])
		if err != nil {
			op.t.Error(err)
		}
		return sig
	case "ES256":
		r, s, err := ecdsa.Sign(rand.Reader, ec, digest[:])
		if err != nil {
			op.t.Error(err)
		}
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return sig
	}
	op.t.Errorf("the fake provider cannot sign with %s", alg)
	return nil
}

func (op *OP) kid(alg string) string {
	if alg == "RS256" {
		return "rsa-1"
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	return fmt.Sprintf("ec-%d", op.keyNumber)
}

func (op *OP) rsa() *rsa.PrivateKey {
	op.mu.Lock()
	defer op.mu.Unlock()
	if op.rsaKey == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			op.t.Error(err)
		}
		op.rsaKey = key
	}
	return op.rsaKey
}

func (op *OP) publicKeys() []any {
	op.mu.Lock()
	defer op.mu.Unlock()
	point, err := op.signer.PublicKey.Bytes()
	if err != nil {
		op.t.Error(err)
	}
	keys := []any{map[string]any{
		"kty": "EC", "crv": "P-256", "kid": fmt.Sprintf("ec-%d", op.keyNumber), "use": "sig", "alg": "ES256",
		"x": b64(point[1:33]), "y": b64(point[33:]),
	}}
	if op.rsaKey != nil {
		keys = append(keys, map[string]any{
			"kty": "RSA", "kid": "rsa-1", "use": "sig", "alg": "RS256",
			"n": b64(op.rsaKey.N.Bytes()), "e": b64(big.NewInt(int64(op.rsaKey.E)).Bytes()),
		})
	}
	return keys
}

func text(op *OP, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		op.t.Error(err)
	}
	return string(b)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
