package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	connectTimeout = 3 * time.Second
	wholeTimeout   = 5 * time.Second // of a request with its redirects and its body; somebody may be waiting for it
	maxRedirects   = 3
	maxAddress     = 2048
)

// Config says what the operator allows beyond the public internet.
type Config struct {
	// Allow names hosts ("keys.corp.example") and networks ("10.20.0.0/16") inside. A host of this machine that it names may be
	// spoken to without TLS.
	Allow []string
	// CAFile holds certificates, in PEM, of authorities that are trusted beside the system's.
	CAFile string
}

// Client speaks to addresses that outsiders name. Safe for concurrent use.
type Client struct {
	allow  allowed
	here   *http.Client // follows no redirect
	follow *http.Client // on one host
	lines  *lines
	owner  string
}

// Answer is what was answered, whatever its status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// ErrTooLarge says that an answer was longer than the caller allowed.
var ErrTooLarge = errors.New("the answer is larger than is read")

// ErrAway says that nothing was learned of what is at an address, because its host does not answer. That may pass.
var ErrAway = errors.New("the host does not answer")

// ErrRefused says that an address is none that this server speaks to on an outsider's word.
var ErrRefused = errors.New("this address is not called")

// New returns a client, or an error that names what is wrong with the configuration.
func New(c Config) (*Client, error) {
	allow, err := parseAllowed(c.Allow)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		if config.RootCAs, err = roots(c.CAFile); err != nil {
			return nil, err
		}
	}
	// No proxy from the environment: through one, the addresses that are dialled would be the proxy's, and the guard would guard nothing.
	transport := &http.Transport{
		DialContext:            allow.dial,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  wholeTimeout,
		MaxResponseHeaderBytes: 32 << 10,
		MaxConnsPerHost:        perHost,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true,
	}
	cl := &Client{allow: allow, lines: newLines()}
	cl.here = &http.Client{Transport: transport, Timeout: wholeTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	cl.follow = &http.Client{Transport: transport, Timeout: wholeTimeout, CheckRedirect: sameHostOnly}
	return cl, nil
}

// For returns a client whose requests wait for one another, beyond a few at once: those that one client of ours causes, wherever they go.
func (c *Client) For(owner string) *Client {
	own := *c
	own.owner = owner
	return &own
}

// Get reads an address, following a few redirects on its own host. An answer longer than most bytes is ErrTooLarge.
func (c *Client) Get(ctx context.Context, address string, most int64) (*Answer, error) {
	return c.do(ctx, c.follow, http.MethodGet, address, nil, http.Header{"Accept": {"application/json, */*;q=0.1"}}, most)
}

// GetHere is Get without redirects: one is the answer.
func (c *Client) GetHere(ctx context.Context, address string, most int64) (*Answer, error) {
	return c.do(ctx, c.here, http.MethodGet, address, nil, http.Header{"Accept": {"application/json, */*;q=0.1"}}, most)
}

// Post sends a body with further headers (nil for none). No redirect is followed, and of the answer no more than 64 KiB are read.
func (c *Client) Post(ctx context.Context, address, contentType string, body []byte, header http.Header) (*Answer, error) {
	const most = 64 << 10
	if header = header.Clone(); header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", contentType)
	return c.do(ctx, c.here, http.MethodPost, address, body, header, most)
}

func (c *Client) do(ctx context.Context, client *http.Client, method, address string, body []byte, header http.Header, most int64) (*Answer, error) {
	if err := c.Check(address); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	req.Header = header
	req.Header.Set("User-Agent", "idp")
	host := strings.ToLower(req.URL.Hostname())
	ctx, leave, err := c.lines.enter(ctx, host, c.owner)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	answer, err := read(client, req.WithContext(ctx), most)
	leave(!errors.Is(err, ErrAway) && time.Since(began) < soonEnough)
	if err != nil && method != http.MethodPost && errors.Is(context.Cause(ctx), errCut) {
		return nil, busy(host, errors.Join(ErrAway, ErrBusy, errCut)) // whoever reads asks again in a moment; what was posted may have arrived
	}
	return answer, err
}

// read makes a request and reads its answer.
func read(client *http.Client, req *http.Request, most int64) (*Answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, away(withoutAddress(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.ContentLength > most {
		return nil, fmt.Errorf("read %s: %w", req.URL.Host, ErrTooLarge)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1)) // behind the transport, so that what gzip unpacks is counted
	if err != nil {
		return nil, away(fmt.Errorf("read %s: %w", req.URL.Host, err))
	}
	if int64(len(body)) > most {
		return nil, fmt.Errorf("read %s: %w", req.URL.Host, ErrTooLarge)
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// away marks what kept an answer from coming, but for our own refusal.
func away(err error) error {
	if errors.Is(err, ErrRefused) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// Away returns why an answer says nothing of what is at its address, or nil: its host is overloaded or broken.
func (a *Answer) Away() error {
	if a.Status >= http.StatusInternalServerError || a.Status == http.StatusTooManyRequests {
		return fmt.Errorf("%w: it answers %d", ErrAway, a.Status)
	}
	return nil
}

// withoutAddress takes out of an error what the network around this server looks like: the address that a host's name means here, and who said so. Callers
// tell errors to those who named the host.
func withoutAddress(err error) error {
	var of *url.Error
	if !errors.As(err, &of) {
		return err
	}
	told := *of
	var dial *net.OpError
	var lookup *net.DNSError
	switch {
	case errors.As(err, &lookup): // first: it stands in an OpError
		// Its text may be that of a failed call to the resolver, with its address.
		told.Err = &net.DNSError{
			Name: lookup.Name, Err: unresolved(lookup), IsTimeout: lookup.IsTimeout, IsTemporary: lookup.IsTemporary, IsNotFound: lookup.IsNotFound,
		}
	case errors.As(err, &dial):
		told.Err = dial.Err
	}
	return &told
}

func unresolved(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "no such host"
	case err.IsTimeout:
		return "the resolver did not answer in time"
	}
	return "the resolver did not answer"
}

// Check returns why an address may not be called, as far as its text says. Which machine its name leads to is seen when connecting.
func (c *Client) Check(address string) error {
	u, err := url.Parse(address)
	switch {
	case len(address) > maxAddress || err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("%w: it is no web address", ErrRefused)
	case u.User != nil:
		return fmt.Errorf("%w: it has a user name", ErrRefused)
	case u.Scheme == "https" || u.Scheme == "http" && c.allow.plain(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%w: it is not https", ErrRefused)
}

// sameHostOnly keeps an outsider's host from sending us on.
func sameHostOnly(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || req.URL.Scheme != first.Scheme || req.URL.Host != first.Host || req.URL.User != nil {
		return fmt.Errorf("%w: it redirects to another host, or too often", ErrRefused)
	}
	return nil
}

// roots returns the system's authorities with those of a file.
func roots(name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("outbound.ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("outbound.ca_file: %s holds no certificate in PEM", name)
	}
	return pool, nil
}

// dial connects to an address of host that may be called, and to no other: the check is made on the address that is dialled, whatever the
// name meant a moment ago.
func (a allowed) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Control: a.control(strings.ToLower(host))}
	return dialer.DialContext(ctx, network, address)
}
