package requestobject

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"idp/internal/idp"
)

const (
	fetchedFor = time.Minute // a page that is loaded again does not fetch again
	fetchedMax = 256         // objects in memory: a dozen megabytes at most
	fetching   = 16          // at once, whoever names the addresses
)

// memory keeps what was fetched for a moment.
type memory struct {
	mu    sync.Mutex
	kept  map[string]fetchedObject
	slots chan struct{}
}

type fetchedObject struct {
	text string
	at   time.Time
}

// Fetch returns the request object at an address that the client registered (OpenID Connect Core §6.2, RFC 9101 §5.2). No other is asked for:
// whoever could name any address could have this server call it (RFC 9101 §10.4).
func (r *Reader) Fetch(ctx context.Context, c *idp.Client, uri string, now time.Time) (string, error) {
	if len(c.RequestURIs) == 0 {
		return "", &Fault{
			Code: CodeURIUnsupport, Name: "client may send request_uri", Expected: "registered request_uris", Received: "none",
			Mend: "`idp client update " + c.ID + " --request-uri …`, or push the request.", Clause: "OpenID Connect Core §6.2",
		}
	}
	address, digest, hashed := strings.Cut(uri, "#")
	if !slices.Contains(c.RequestURIs, uri) && !slices.Contains(c.RequestURIs, address) {
		return "", badURI("request_uri is registered, to the letter", strings.Join(c.RequestURIs, " or "), uri, "`idp client update "+c.ID+" --request-uri …`.")
	}
	text, err := r.fetched.get(ctx, address, now, func() (string, error) { return r.fetch(ctx, address) })
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", err
	}
	// OpenID Connect Core §6.2: the fragment is the digest of what is there.
	if sum := sha256.Sum256([]byte(text)); hashed && subtle.ConstantTimeCompare([]byte(strings.TrimRight(digest, "=")), []byte(base64.RawURLEncoding.EncodeToString(sum[:]))) != 1 {
		return "", badURI("digest of the request object", digest, base64.RawURLEncoding.EncodeToString(sum[:]), "Register and send the address with the digest of the present content.")
	}
	return strings.TrimSpace(text), nil
}

func badURI(name, expected, received, mend string) *Fault {
	return &Fault{Code: CodeURI, Name: name, Expected: expected, Received: received, Mend: mend, Clause: "RFC 9101 §5.2"}
}

// fetch reads an address. RFC 9101 §5.2.3: application/oauth-authz-req+jwt; older clients say application/jwt or less.
func (r *Reader) fetch(ctx context.Context, address string) (string, error) {
	const mend = "Look whether this server can reach the address, and what it answers."
	a, err := r.Outbound.GetHere(ctx, address, Most)
	if err != nil {
		return "", badURI("request object can be fetched", "an answer", err.Error(), mend)
	}
	if a.Status != http.StatusOK {
		return "", badURI("request object can be fetched", "status 200", http.StatusText(a.Status), mend)
	}
	if media, _, err := mime.ParseMediaType(a.Header.Get("Content-Type")); err == nil && media == "text/html" {
		return "", badURI("request object can be fetched", "application/oauth-authz-req+jwt", media, mend)
	}
	return string(a.Body), nil
}

// get returns what is kept for an address, or reads it.
func (m *memory) get(ctx context.Context, address string, now time.Time, read func() (string, error)) (string, error) {
	m.mu.Lock()
	if m.kept == nil {
		m.kept, m.slots = map[string]fetchedObject{}, make(chan struct{}, fetching)
	}
	have, ok := m.kept[address]
	slots := m.slots
	m.mu.Unlock()
	if age := now.Sub(have.at); ok && age >= 0 && age < fetchedFor {
		return have.text, nil
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	text, err := read()
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) >= fetchedMax {
		clear(m.kept)
	}
	m.kept[address] = fetchedObject{text, now}
	return text, nil
}
