package upstream

import (
	"bytes"
	"crypto/rsa"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
)

// FuzzKeySetDocument: whatever lies at a jwks_uri, only public keys of a fit size come out of it, and each signs with the algorithms of its type alone.
func FuzzKeySetDocument(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := parseObject(text)
		if err != nil {
			return
		}
		keys, err := readKeys(doc)
		if err != nil {
			return
		}
		if len(keys) == 0 || len(keys) > maxKeys {
			t.Fatalf("%q: %d keys and no error", text, len(keys))
		}
		for _, k := range keys {
			if !k.IsPublic() || k.Use != "" && k.Use != "sig" {
				t.Errorf("%q: took a key that is not public, or not for signatures", text)
			}
			if r, ok := k.Key.(*rsa.PublicKey); ok && r.N.BitLen() < minRSABits {
				t.Errorf("%q: took %d bits of RSA", text, r.N.BitLen())
			}
			types := map[string]bool{} // RFC 7518 §3.1: the first two letters name the type of key
			for _, alg := range append(idp.SupportedSigningAlgs(), "HS256", "none") {
				for _, chosen := range choose([]jose.JSONWebKey{k}, k.KeyID, alg) {
					if alg == "none" || strings.HasPrefix(alg, "HS") || !chosen.Valid() {
						t.Errorf("%q: a key was chosen for %s", text, alg)
					}
					types[strings.NewReplacer("PS", "RS").Replace(alg[:2])] = true
				}
			}
			if len(types) > 1 {
				t.Errorf("%q: one key for %v", text, types)
			}
		}
	})
}

// said is a provider that answers every request with the same.
type said struct {
	status int
	kind   string
	body   []byte
}

// RoundTrip implements http.RoundTripper.
func (s said) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: s.status, Status: http.StatusText(s.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {s.kind}}, Body: io.NopCloser(bytes.NewReader(s.body)), ContentLength: int64(len(s.body)),
	}, nil
}

// FuzzTokenAnswer: whatever a token endpoint answers, it signs nobody in without a signature, and the log gets a bounded line without what we sent.
func FuzzTokenAnswer(f *testing.F) {
	const clientSecret, code, codeVerifier = "hunter2hunter2hunter2", "the-code-of-this-sign-in", "the-verifier-of-this-sign-in"
	m := &metadata{issuer: "https://op.example", endpoints: endpoints{token: "https://op.example/t"}, jwksURI: "https://op.example/j", algorithms: []string{"RS256"}}
	f.Fuzz(func(t *testing.T, status uint16, kind string, body []byte) {
		if status = status % 600; status < 200 || strings.ContainsAny(kind, "\r\n") {
			return
		}
		o := &openID{codeFlow: codeFlow{
			row:  idp.Provider{Name: "Name", ClientID: "us", ClientSecret: clientSecret, Issuer: m.issuer},
			deps: deps{client: &http.Client{Transport: said{int(status), kind, body}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}},
		}}
		pending := Pending{CodeVerifier: codeVerifier, RedirectURI: "https://id.example/cb", Nonce: "n"}
		token, err := o.exchange(t.Context(), m.endpoints, pending, code)
		if err == nil {
			if _, err = o.verify(t.Context(), m, pending, token, time.Unix(1000, 0)); err == nil {
				t.Fatalf("%d %q %q: somebody is signed in", status, kind, body)
			}
		}
		text := err.Error()
		for _, secret := range []string{clientSecret, code, codeVerifier} {
			if strings.Contains(text, secret) {
				t.Errorf("%d %q %q: the error repeats %s", status, kind, body, secret)
			}
		}
		if len(text) > 12*maxLogText || strings.ContainsAny(text, "\x00\x1b\r\n") {
			t.Errorf("%d %q %q: the error is %q", status, kind, body, text)
		}
	})
}

// FuzzUserAnswer: whatever the user address of plain OAuth 2 answers, a subject is bounded text, and no address counts as verified by another source than its own.
func FuzzUserAnswer(f *testing.F) {
	row := idp.Provider{Issuer: "https://op.example", ProviderEndpoints: idp.ProviderEndpoints{Claims: idp.ClaimMembers{
		Subject: "id", Name: "user.name", Picture: "user.picture", Email: "user.mail", EmailVerified: "user.ok",
	}}}
	listed := row
	listed.EmailsURL = "https://op.example/emails"
	f.Fuzz(func(t *testing.T, answer, list []byte) {
		user, err := parseObject(answer)
		if err != nil {
			return
		}
		emails, _ := parseObjects(list)
		for _, p := range []*idp.Provider{&row, &listed} {
			c, err := readMembers(p, user, emails)
			if err != nil {
				if len(err.Error()) > 12*maxLogText {
					t.Errorf("%q: the error is %q", answer, err)
				}
				continue
			}
			if c.Issuer != p.Issuer || c.Subject == "" || len(c.Subject) > maxSubject || c.EmailAuthoritative || c.EmailVerified && c.Email == "" {
				t.Errorf("%q and %q: %+v", answer, list, c)
			}
		}
	})
}
