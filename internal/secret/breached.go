package secret

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"idp/internal/idp"
)

// BreachedMode says what a range server that does not answer means.
type BreachedMode string

// The modes.
const (
	BreachedOff    BreachedMode = ""       // nothing is asked
	BreachedNormal BreachedMode = "normal" // no answer: the password is accepted
	BreachedStrict BreachedMode = "strict" // no answer: the password is refused for now
)

// BreachedConfig says where to ask whether a password is known from a breach. It is off by default.
type BreachedConfig struct {
	Mode    BreachedMode
	File    string        // a downloaded list, ordered by SHA-1; then nobody is asked
	URL     string        // of the range API; the first five digits are appended, as in https://api.example/range/
	Timeout time.Duration // of one question; default 2 s
	Least   int           // sightings from which a password is refused; default 1
	Client  *http.Client  // default: one without redirects
}

// Breached looks into a file, or asks a range API (k-anonymity: five hex digits of the SHA-1 leave this server, never the password
// or its whole digest). Safe for concurrent use.
type Breached struct {
	config BreachedConfig
	file   *breachedFile // nil: the range API is asked
}

const (
	breachedTimeout = 2 * time.Second
	maxRangeAnswer  = 4 << 20 // a padded answer has about 1,000 lines
	rangeDigits     = 5
)

// NewBreached returns a checker, or an error that names the setting at fault.
func NewBreached(c BreachedConfig) (*Breached, error) {
	switch c.Mode {
	case BreachedOff:
		return &Breached{config: c}, nil
	case BreachedNormal, BreachedStrict:
	default:
		return nil, fmt.Errorf("breached passwords: mode %q is unknown: use %q or %q, or leave it empty", c.Mode, BreachedNormal, BreachedStrict)
	}
	if c.Least <= 0 {
		c.Least = 1
	}
	if c.File != "" {
		file, err := openBreachedFile(c.File)
		if err != nil {
			return nil, fmt.Errorf("breached passwords: %w", err)
		}
		return &Breached{config: c, file: file}, nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("breached passwords: the URL of the range API must be a whole http or https URL without a query")
	}
	if !strings.HasSuffix(c.URL, "/") {
		c.URL += "/"
	}
	if c.Timeout <= 0 {
		c.Timeout = breachedTimeout
	}
	if c.Client == nil {
		// A redirect could lead the five digits, or this server, anywhere.
		c.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Breached{config: c}, nil
}

// Check refuses a password (idp.Invalid) that breaches have made known. When the server or the file does not answer, normal mode accepts
// and returns why in unchecked, for the log; strict mode refuses for now (idp.Unavailable).
func (b *Breached) Check(ctx context.Context, password string) (unchecked, err error) {
	if b.config.Mode == BreachedOff {
		return nil, nil
	}
	// The form that is hashed: for nearly every password it is also what the breached sites stored.
	normalized, err := NormalizePassword(password)
	if err != nil {
		return nil, err
	}
	count, err := b.count(ctx, normalized)
	switch {
	case err != nil && b.config.Mode == BreachedNormal:
		return fmt.Errorf("ask about breached passwords: %w", err), nil
	case err != nil:
		return nil, &idp.Error{
			Kind: idp.Unavailable, Code: "breached_unavailable", Field: "password", RetryAfter: retryAfterBusy, Err: err,
			Message: "The password could not be checked against known breaches. Try again in a minute.",
		}
	case count >= b.config.Least:
		return nil, idp.Invalidf("password", "This password is known from a breach of another site, so it is tried first: choose another one, and change it wherever else you use it.")
	}
	return nil, nil
}

func (b *Breached) count(ctx context.Context, password string) (int, error) {
	sum := sha1.Sum([]byte(password)) // the API's hash; nothing is protected by it
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	if b.file != nil {
		return b.file.count(digest)
	}
	ctx, cancel := context.WithTimeout(ctx, b.config.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.config.URL+digest[:rangeDigits], nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Add-Padding", "true") // else the length of the answer tells the digits through TLS
	req.Header.Set("User-Agent", "idp")
	res, err := b.config.Client.Do(req)
	if err != nil {
		return 0, withoutURL(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the range server answered %d", res.StatusCode)
	}
	lines := bufio.NewScanner(io.LimitReader(res.Body, maxRangeAnswer))
	for lines.Scan() {
		suffix, number, found := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if !found || !strings.EqualFold(suffix, digest[rangeDigits:]) {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return 0, errors.New("the range server's answer is malformed")
		}
		return n, nil // padding lines have the count 0
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("read the range server's answer: %w", withoutURL(err))
	}
	return 0, nil
}

// withoutURL drops the URL of a failed request: its digits do not belong in a log.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
