package grant

import (
	"context"
	"crypto/subtle"

	"github.com/ory/fosite"

	"idp/internal/oauth/mint"
)

// Proof is what a token request proved to hold beside its client's credentials; what it gets is bound to that. The endpoint has verified
// it, and a zero one is that of a plain bearer client.
type Proof struct {
	JKT         string // thumbprint of the key of its DPoP proof
	Certificate string // thumbprint of its TLS certificate, of clients whose tokens are bound to that
	// Spend remembers the DPoP proof and fails if it came before; nil without one.
	Spend func(context.Context) error
	// NextNonce is the nonce that the client's next proof is to hold; empty if it need not know.
	NextNonce string
}

// KeyDPoP and KeyCertificate begin what codes and refresh tokens are bound to, in authorizations.bound_key.
const (
	KeyDPoP        = "jkt:"
	KeyCertificate = "x5t#S256:"
)

// confirmation returns what the access token is bound to, nil for nothing. RFC 9449 §6, RFC 8705 §3: who proved both must always prove both.
func (p *Proof) confirmation() *mint.Confirmation {
	if p.JKT == "" && p.Certificate == "" {
		return nil
	}
	return &mint.Confirmation{JKT: p.JKT, X5TS: p.Certificate}
}

// holds reports whether the request proved to hold all that a token is bound to (RFC 7800 §3); a bearer token's holder need prove nothing.
func (p *Proof) holds(cnf *mint.Confirmation) bool {
	same := func(bound, proven string) bool {
		return bound == "" || subtle.ConstantTimeCompare([]byte(bound), []byte(proven)) == 1
	}
	return cnf == nil || same(cnf.JKT, p.JKT) && same(cnf.X5TS, p.Certificate)
}

// codeKey returns the key that a code may be bound to (RFC 9449 §10): that of the DPoP proof.
func (p *Proof) codeKey() string {
	if p.JKT == "" {
		return ""
	}
	return KeyDPoP + p.JKT
}

// refreshKey returns the key that a refresh token may be bound to: the certificate of a client that is registered for that, else the
// key of the DPoP proof.
func (p *Proof) refreshKey() string {
	if p.Certificate != "" {
		return KeyCertificate + p.Certificate
	}
	return p.codeKey()
}

// bindTo returns what the refresh token of this request is to be bound to. RFC 9449 §5, RFC 8705 §4: that of a public client to its
// key, since nothing else protects it (a device, RFC 10027 §6.1.12); that of another to the client's credentials, so that its key may change.
func (s *Session) bindTo() string {
	if !s.Client.Public() {
		return ""
	}
	return s.Proof.refreshKey()
}

// spendProof spends the request's DPoP proof, once however often it is called. A grant calls it before it spends what the client presents, and after it
// knows that this is no forgery, which shall cost no statement. issueAccess calls it for every grant.
func (s *Session) spendProof(ctx context.Context) error {
	spend := s.Proof.Spend
	if spend == nil {
		return nil
	}
	s.Proof.Spend = nil
	return spend(ctx)
}

// issueAccess makes the access token of every grant, bound to what the request proved, and puts it into the answer: token_type is
// "Bearer" or "DPoP" in just this spelling, expires_in a number (RP-5). It returns the token.
func issueAccess(ctx context.Context, m *mint.Minter, s *Session, resp fosite.AccessResponder) (string, error) {
	if err := s.spendProof(ctx); err != nil {
		return "", err
	}
	if s.Fitting != nil {
		s.Scopes = s.Fitting(s.Scopes, s.audience())
	}
	order := mint.Order{Client: s.Client, Authorization: s.Authorization, Scopes: s.Scopes, Resources: s.Resources, Details: s.Details, Confirmation: s.Proof.confirmation()}
	if e := s.exchange; e != nil {
		order.Audience, order.Actor, order.Until = e.audience, e.actor, e.until
	}
	access, life, err := m.Access(ctx, order, s.Now)
	if err != nil {
		return "", err
	}
	resp.SetAccessToken(access)
	resp.SetTokenType("Bearer")
	if s.Proof.JKT != "" { // RFC 9449 §5
		resp.SetTokenType("DPoP")
	}
	resp.SetExtra("expires_in", life)
	return access, nil
}
