package clientauth

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"idp/internal/clientkeys"
	"idp/internal/idp"
	"idp/internal/trace"
)

// certificateMethod is how a client that sends nothing but its id and a certificate is authenticated.
func certificateMethod(c *idp.Client) string {
	switch {
	case c.Authenticates(idp.AuthTLSClient):
		return idp.AuthTLSClient
	case c.Authenticates(idp.AuthSelfSignedTLSClient):
		return idp.AuthSelfSignedTLSClient
	}
	return idp.AuthNone
}

// checkCertificate checks the certificate of the connection. Whoever terminated TLS has seen that the client has its key.
func (a *Authenticator) checkCertificate(ctx context.Context, c *idp.Client, method string, t *trace.T, now time.Time) error {
	peer := idp.PeerOf(ctx)
	if len(peer.Certificate) == 0 {
		t.Fail(idp.Check{
			Name: "client certificate", Expected: "a certificate on the TLS connection", Received: "none",
			Mend: "Give the application its certificate and the addresses in mtls_endpoint_aliases. If a proxy ends TLS, it must ask for certificates and pass them on (`mtls.certificates`).", Clause: "RFC 8705 §2",
		})
		return unknown()
	}
	leaf, err := x509.ParseCertificate(peer.Certificate)
	fault := ""
	switch {
	case err != nil:
		fault = "the certificate cannot be read"
	case now.Before(leaf.NotBefore) || now.After(leaf.NotAfter):
		fault = "the certificate has expired, or is not valid yet"
	case method == idp.AuthSelfSignedTLSClient:
		// RFC 8705 §2.2: the certificate is one that the client registered; who issued it does not matter.
		found, err := a.Keys.HasCertificate(ctx, c, leaf)
		switch {
		case errors.Is(err, clientkeys.ErrNoKeys):
			fault = err.Error()
		case err != nil:
			return err
		case !found:
			fault = "the certificate is not among the client's keys (x5c)"
		}
	case a.TLSRoots == nil:
		fault = "no authority is trusted for client certificates"
	case !a.chain(leaf, peer.Intermediate, now):
		fault = "no authority of `mtls.ca_file` issued the certificate for client authentication"
	case !named(c, leaf):
		fault = "the certificate has not the name that the client is registered with"
	}
	if fault == "" {
		return nil
	}
	t.Fail(idp.Check{
		Name: "client certificate", Expected: expectedCertificate(c, method), Received: fault,
		Mend: "Compare the application's certificate with the registration, which `idp client get " + c.ID + " -o json` shows, and for tls_client_auth with `mtls.ca_file`.", Clause: "RFC 8705 §2",
	})
	return unknown()
}

func expectedCertificate(c *idp.Client, method string) string {
	if method == idp.AuthSelfSignedTLSClient {
		return "a certificate of the client's jwks"
	}
	return "a certificate for " + c.TLSSubjectDN + c.TLSSANDNS + c.TLSSANURI + c.TLSSANIP + c.TLSSANEmail
}

// chain reports whether a trusted authority issued the certificate (RFC 8705 §2.1).
func (a *Authenticator) chain(leaf *x509.Certificate, more [][]byte, now time.Time) bool {
	pool := x509.NewCertPool()
	for _, c := range intermediates(more) {
		pool.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: a.TLSRoots, Intermediates: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}

// rsaMost is how long an RSA key of an intermediate may be: as crypto/tls has it. What a proxy passes on nobody has looked at, and one signature by a key that
// fills a header takes a second.
const rsaMost = 8192

// intermediates returns the certificates that a chain may be built of.
func intermediates(more [][]byte) (list []*x509.Certificate) {
	for _, der := range more {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > rsaMost {
			continue
		}
		list = append(list, c)
	}
	return list
}

// named reports whether the certificate has the one name that the client registered (RFC 8705 §2.1.2).
func named(c *idp.Client, leaf *x509.Certificate) bool {
	switch {
	case c.TLSSubjectDN != "":
		want, err := idp.ParseDistinguishedName(c.TLSSubjectDN)
		got, gotErr := idp.SubjectOf(leaf.RawSubject)
		return err == nil && gotErr == nil && want.Equal(got)
	case c.TLSSANDNS != "":
		return slices.ContainsFunc(leaf.DNSNames, func(name string) bool { return strings.EqualFold(name, c.TLSSANDNS) })
	case c.TLSSANURI != "":
		for _, u := range leaf.URIs {
			if u.String() == c.TLSSANURI {
				return true
			}
		}
	case c.TLSSANIP != "":
		want, err := netip.ParseAddr(c.TLSSANIP)
		for _, ip := range leaf.IPAddresses {
			if got, ok := netip.AddrFromSlice(ip); err == nil && ok && got.Unmap() == want.Unmap() {
				return true
			}
		}
	case c.TLSSANEmail != "":
		return slices.Contains(leaf.EmailAddresses, c.TLSSANEmail)
	}
	return false
}
