package requestobject

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/outbound"
)

const (
	fetchedFor   = time.Minute // a page that is loaded again does not fetch again
	failedFor    = 10 * time.Second
	fetchedMost  = 8 << 20 // bytes of objects in memory
	fetchTimeout = 9 * time.Second
)

func newMemory() *outbound.Memory[string] {
	return outbound.NewMemory[string](outbound.Bounds{Bytes: fetchedMost, Floor: failedFor, Patience: fetchTimeout})
}

// Fetch returns the request object at an address that the client registered (OpenID Connect Core §6.2, RFC 9101 §5.2). No other is asked for:
// whoever could name any address could have this server call it (RFC 9101 §10.4).
func (r *Reader) Fetch(ctx context.Context, c *idp.Client, uri string) (string, error) {
	if len(c.RequestURIs) == 0 {
		return "", &Fault{
			Code: idp.CodeRequestURINotSupported, Name: "client may send request_uri", Expected: "registered request_uris", Received: "none",
			Mend: "`idp client update " + c.ID + " --request-uri …`, or push the request.", Clause: "OpenID Connect Core §6.2",
		}
	}
	address, digest, _ := strings.Cut(uri, "#")
	hashed := idp.IsDigest(digest) // anything else tells us nothing of what is there
	digest = strings.TrimRight(digest, "=")
	if !slices.Contains(c.RequestURIs, uri) && !slices.Contains(c.RequestURIs, address) {
		return "", badURI("request_uri is registered, to the letter", strings.Join(c.RequestURIs, " or "), uri, "`idp client update "+c.ID+" --request-uri …`.")
	}
	look := func(ctx context.Context) (outbound.Found[string], error) { return r.fetch(ctx, c, address) }
	// Each client has a memory of its own: that it had to wait in its line is nothing for another one to hear.
	own := c.ID + " " + address
	first := r.fetched.Looks(own)
	text, err := r.fetched.Get(ctx, own, look)
	if err == nil && hashed && digest != hash(text) {
		text, err = r.fetched.Newer(ctx, own, first, look) // OpenID Connect Core §6.2: another digest says that something else is there now
	}
	if err != nil {
		return "", err
	}
	if hashed && digest != hash(text) {
		return "", badURI("digest of the request object", digest, hash(text), "Register and send the address with the digest of the present content.")
	}
	return strings.TrimSpace(text), nil
}

// hash is the fragment of an address that says what is there (OpenID Connect Core §6.2).
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func badURI(name, expected, received, mend string) *Fault {
	return &Fault{Code: idp.CodeInvalidRequestURI, Name: name, Expected: expected, Received: received, Mend: mend, Clause: "RFC 9101 §5.2"}
}

// fetch reads an address. RFC 9101 §5.2.3: application/oauth-authz-req+jwt; older clients say application/jwt or less. All addresses of a client stand in
// one line as well: it may have registered many that are slow.
func (r *Reader) fetch(ctx context.Context, c *idp.Client, address string) (outbound.Found[string], error) {
	const mend = "Look whether this server can reach the address, and what it answers."
	failed := outbound.Found[string]{Fresh: failedFor}
	a, err := r.Outbound.For(c.ID).GetHere(ctx, address, Most)
	if errors.Is(err, outbound.ErrBusy) {
		return outbound.Found[string]{Fresh: time.Second}, err
	}
	if err != nil {
		return failed, badURI("request object can be fetched", "an answer", err.Error(), mend)
	}
	if a.Status != http.StatusOK {
		return failed, badURI("request object can be fetched", "status 200", http.StatusText(a.Status), mend)
	}
	if media, _, err := mime.ParseMediaType(a.Header.Get("Content-Type")); err == nil && media == "text/html" {
		return failed, badURI("request object can be fetched", "application/oauth-authz-req+jwt", media, mend)
	}
	return outbound.Found[string]{Value: string(a.Body), Size: len(a.Body), Fresh: fetchedFor}, nil
}
