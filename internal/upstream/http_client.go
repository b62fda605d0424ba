package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"idp/internal/idp"
)

const (
	connectTimeout  = 3 * time.Second
	wholeTimeout    = 10 * time.Second // of one request, and of Begin and Finish as a whole
	maxBody         = 1 << 20
	maxRedirects    = 3
	maxConnsPerHost = 64 // a hanging upstream holds no more sockets than this
)

// NewHTTPClient returns the client for talking to upstreams: short timeouts, TLS 1.2 or later, no connection to link-local
// addresses (where clouds keep their metadata), and no proxy. The environment's HTTP_PROXY is
// deliberately not read: client secrets must not take a road that nobody chose.
func NewHTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Control: refuseLinkLocal}
	transport := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  wholeTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        maxConnsPerHost,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
	}
	return &http.Client{Transport: transport, Timeout: wholeTimeout}
}

// guarded returns a copy of c that bounds bodies, refuses plain http to other machines and follows redirects on one host only.
func guarded(c *http.Client) *http.Client {
	if c == nil {
		c = NewHTTPClient()
	}
	base := c.Transport
	if base == nil {
		base = NewHTTPClient().Transport
	}
	timeout := c.Timeout
	if timeout <= 0 || timeout > wholeTimeout {
		timeout = wholeTimeout
	}
	return &http.Client{Transport: guard{base}, CheckRedirect: sameHostOnly, Timeout: timeout}
}

// guard is the RoundTripper that every request to an upstream passes.
type guard struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkTransportSecurity(req.URL); err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", "idp")
	if req.Header.Get("Accept") == "" { // else GitHub's token endpoint answers with a form
		req.Header.Set("Accept", idp.MediaJSON)
	}
	resp, err := g.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.ContentLength > maxBody {
		_ = resp.Body.Close()
		return nil, errTooLarge
	}
	// Outside the transport, so that what gzip unpacks is counted.
	resp.Body = &boundedBody{body: resp.Body, left: maxBody}
	return resp, nil
}

// boundedBody fails instead of ending early: half a key set must not pass for a whole one.
type boundedBody struct {
	body io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, errTooLarge
	}
	return n, err
}

// Close implements io.Closer.
func (b *boundedBody) Close() error { return b.body.Close() }

// sameHostOnly keeps an upstream from sending our requests, and the secrets in them, elsewhere (PS-26).
func sameHostOnly(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
		return errors.New("the upstream redirects to another host, which is not followed")
	}
	return nil
}

// checkTransportSecurity allows https, and http on this machine.
func checkTransportSecurity(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%s://%s is not https", u.Scheme, u.Host)
}

// isLoopback reports whether host names this machine.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func refuseLinkLocal(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial %s: %w", address, err)
	}
	ip := ap.Addr().Unmap()
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return fmt.Errorf("%s is no address of an upstream", ip)
	}
	return nil
}

// getJSON reads a JSON object, refusing duplicate members. A bearer token is sent if there is one.
func getJSON(ctx context.Context, client *http.Client, address, bearer string) (object, error) {
	return getParsed(ctx, client, address, bearer, parseObject)
}

func getParsed[T any](ctx context.Context, client *http.Client, address, bearer string, parse func([]byte) (T, error)) (out T, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return out, err
	}
	req.Header.Set("Accept", idp.MediaJSON)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := client.Do(req)
	if err != nil {
		return out, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return out, &statusError{address: address, status: resp.StatusCode}
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == idp.MediaJWT {
		return out, fmt.Errorf("%s answers with a JWT where JSON was asked for", address)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return out, fmt.Errorf("read %s: %w", address, err)
	}
	if out, err = parse(body); err != nil {
		return out, fmt.Errorf("read %s, which answers with %s: %w", address, loggable(kind), err)
	}
	return out, nil
}

// statusError is an answer other than 200. Its body is left unread: it is nobody's to see.
type statusError struct {
	address string
	status  int
}

// Error implements error.
func (e *statusError) Error() string {
	return fmt.Sprintf("%s answers %d %s", e.address, e.status, http.StatusText(e.status))
}
