package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"idp/internal/idp"
)

const maxAnswer = 1 << 20

// answer is what a probe got.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	tls     *tls.ConnectionState
	started time.Time
}

// probe sends one request and reads a bounded answer.
func (f Facts) probe(ctx context.Context, method, target string, header http.Header) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, http.NoBody)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	a := &answer{started: time.Now()}
	resp, err := f.Client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the method and the address, which the finding says
		}
		return nil, err
	}
	defer resp.Body.Close()
	a.status, a.header, a.tls = resp.StatusCode, resp.Header, resp.TLS
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return a, err
}

// discovery is what the probes need of OpenID Connect Discovery §3.
type discovery struct {
	Issuer        string `json:"issuer"`
	TokenEndpoint string `json:"token_endpoint"`
	JWKSURI       string `json:"jwks_uri"`
}

// outside looks at the server as browsers and applications see it, at its issuer.
func (f Facts) outside(ctx context.Context, r *report) {
	address := f.Issuer + "/.well-known/openid-configuration"
	a, err := f.probe(ctx, http.MethodGet, address, nil)
	if err != nil {
		f.unreachable(ctx, r, err)
		return
	}
	f.certificate(r, a, time.Now())
	d, ok := readDiscovery(r, address, a)
	if !ok {
		return
	}
	switch {
	case d.Issuer != f.Issuer:
		r.fail("issuer", fmt.Sprintf("The server at %s says that its issuer is %s.", f.Issuer, d.Issuer),
			"Give the server and this command the same configuration; restart the server if issuer was changed. If that is another server, the proxy or the name resolution leads to the wrong one.")
	default:
		r.ok("issuer", f.Issuer+" is what the server says of itself, seen from this machine.")
	}
	if date, err := http.ParseTime(a.header.Get("Date")); err == nil {
		f.clock(r, "server_clock", "the server's clock", date, a.started)
	}
	f.metadata(ctx, r)
	f.forwarded(ctx, r, address, a)
	f.cookies(ctx, r)
	f.headers(r, a)
	f.bots(ctx, r, d)
}

func readDiscovery(r *report, address string, a *answer) (discovery, bool) {
	var d discovery
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	switch {
	case a.status >= 300 && a.status < 400:
		r.fail("issuer", fmt.Sprintf("%s redirects to %s. Client libraries do not follow.", address, a.header.Get("Location")),
			"Set issuer to the address that is answered without a redirect (https or http, www or not, the path), or let the proxy answer here.")
	case a.status != http.StatusOK:
		r.fail("issuer", fmt.Sprintf("%s answers %d instead of 200.", address, a.status), "Check that the proxy forwards every path below the issuer, with its path unchanged.")
	case json.Unmarshal(a.body, &d) != nil || kind != idp.MediaJSON:
		r.fail("issuer", fmt.Sprintf("%s answers with %q, which is no discovery document.", address, a.header.Get("Content-Type")),
			"Something else answers there: a start page, a login of the proxy, a bot filter. Let it pass these paths.")
	default:
		return d, true
	}
	return d, false
}

// unreachable tells a server that is down from one that only cannot be reached at its public address.
func (f Facts) unreachable(ctx context.Context, r *report, err error) {
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &dns):
		r.fail("issuer", fmt.Sprintf("The name %s cannot be resolved here: %s.", dns.Name, dns.Err), "Add it to the DNS; on this machine alone, /etc/hosts does.")
		return
	case errors.As(err, &unknown):
		r.fail("tls", "The certificate of "+f.Issuer+" is signed by nobody that this machine knows.",
			"Serve the whole chain with the intermediate certificates. If the authority is your own, or the certificate signed itself, install that certificate here (for one command, SSL_CERT_FILE names its file) and at every application.")
		return
	case errors.As(err, &host):
		r.fail("tls", "The certificate is for another name: "+sentence(host), "Get a certificate for the issuer's host.")
		return
	case errors.As(err, &invalid):
		r.fail("tls", "The certificate is not valid: "+sentence(invalid), "Renew the certificate; if it is new, check this machine's clock.")
		return
	}
	if strings.Contains(err.Error(), "HTTP response to HTTPS client") { // net/http has no type for it
		r.fail("tls", f.Issuer+" is answered in plain http.", "Let a proxy end TLS there, or this server with tls.cert_file and tls.key_file; if the issuer names the server's own port, leave the port out.")
		return
	}
	if f.answersLocally(ctx) {
		r.fail("issuer", fmt.Sprintf("The server runs at %s, but does not answer at %s: %s", f.Listen, f.Issuer, sentence(err)),
			"Check the proxy, the firewall and the name: the issuer must be reachable from this machine too.")
		return
	}
	r.fail("issuer", fmt.Sprintf("Nobody answers at %s: %s", f.Issuer, sentence(err)), "Start the server with `idp serve`; if it runs, check the setting listen, the proxy and the firewall.")
}

// answersLocally asks for /healthz where the server listens.
func (f Facts) answersLocally(ctx context.Context) bool {
	host, port, err := net.SplitHostPort(f.Listen)
	if err != nil {
		return false
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	address := net.JoinHostPort(host, port) + "/healthz"
	if f.TLS != nil {
		// Its certificate is for the issuer's name, which leads elsewhere.
		f.Client = newClient()
		f.Client.Transport = &http.Transport{DisableKeepAlives: true, TLSClientConfig: f.TLS}
		address = "https://" + address
	} else {
		address = "http://" + address
	}
	a, err := f.probe(ctx, http.MethodGet, address, nil)
	return err == nil && a.status == http.StatusOK
}

const (
	renewSoon = 14 * 24 * time.Hour
	renewNow  = 3 * 24 * time.Hour
)

func (f Facts) certificate(r *report, a *answer, now time.Time) {
	if a.tls == nil || len(a.tls.PeerCertificates) == 0 {
		return
	}
	leaf := a.tls.PeerCertificates[0]
	left := leaf.NotAfter.Sub(now)
	cause := fmt.Sprintf("The certificate ends on %s, in %s.", leaf.NotAfter.UTC().Format(time.DateOnly), days(left))
	switch {
	case left < renewNow:
		r.fail("tls", cause, "Renew it, and find out why that did not happen by itself.")
	case left < renewSoon:
		r.warn("tls", cause, "Renew it; automatic renewal is usually done 30 days before the end.")
	default:
		r.ok("tls", "The chain is good, with "+tls.VersionName(a.tls.Version)+". "+cause)
	}
}

// metadata checks the second discovery address of an issuer with a path, which proxies forget (RFC 8414 §3.1).
func (f Facts) metadata(ctx context.Context, r *report) {
	u, err := url.Parse(f.Issuer)
	if err != nil || u.Path == "" {
		return
	}
	address := u.Scheme + "://" + u.Host + "/.well-known/oauth-authorization-server" + u.Path
	a, err := f.probe(ctx, http.MethodGet, address, nil)
	var d discovery
	if err != nil || a.status != http.StatusOK || json.Unmarshal(a.body, &d) != nil || d.Issuer != f.Issuer {
		r.warn("metadata", address+" does not lead here, where OAuth clients look (RFC 8414 §3.1).", "Let the proxy forward this path too.")
		return
	}
	r.ok("metadata", address+" leads here.")
}

func (f Facts) listening(r *report) {
	u, err := url.Parse(f.Issuer)
	host, port, splitErr := net.SplitHostPort(f.Listen)
	if err != nil || splitErr != nil {
		return // the configuration was refused
	}
	ip, _ := netip.ParseAddr(host)
	local := host == "localhost" || ip.IsLoopback()
	switch {
	case u.Scheme == "http" && u.Port() != port && port != "0":
		r.warn("listen", fmt.Sprintf("The issuer %s has another port than the address %s on which the server is set to listen.", f.Issuer, f.Listen), "Make them the same, unless a container maps one to the other.")
	case f.TLS != nil:
		r.ok("listen", fmt.Sprintf("The server is set to listen on %s, and TLS ends there.", f.Listen))
	case u.Scheme == "https" && len(f.TrustedProxies) == 0:
		// FS-43: the throttle counts by address, and the proxy's would be everybody's.
		r.warn("listen", "The issuer is https and this server speaks plain http, so a proxy stands before it; but trusted_proxies is empty. All visitors seem to come from the proxy, and the throttle treats them as one.",
			"Set trusted_proxies to the proxy's network; or let this server end TLS, with tls.cert_file and tls.key_file.")
	case u.Scheme == "https" && !local:
		r.ok("listen", fmt.Sprintf("The server is set to listen on %s behind trusted proxies; let nobody but them reach it.", f.Listen))
	default:
		r.ok("listen", fmt.Sprintf("The server is set to listen on %s.", f.Listen))
	}
	for _, p := range f.TrustedProxies {
		if p.Bits() == 0 {
			r.fail("proxy", fmt.Sprintf("trusted_proxies holds %s: everybody may say where they come from, and so pass the throttle.", p), "Name the proxy's own network.")
		}
	}
}
