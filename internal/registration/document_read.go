package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/outbound"
)

const (
	maxClientDocument = 16 << 10        // bytes (Client ID Metadata Document §8.7: bounded; 5 KB are recommended)
	mostRemembered    = 16 << 20        // bytes
	fetchTimeout      = 9 * time.Second // with the wait in the line of its host

	leastFresh   = time.Minute
	mostFresh    = 24 * time.Hour
	usuallyFresh = time.Hour // where the answer does not say
	keysFresh    = time.Hour // at most, of a document that holds or names keys: one that was taken out works no longer

	// Since it was read, a document whose host does not answer counts this long: one with keys less, for whoever stole one might keep the host away.
	staleFor   = 24 * time.Hour
	keysStale  = 2 * time.Hour
	refusedFor = 10 * time.Second // a document that was refused is not read again before
	retryAfter = 30 * time.Second // nor is one whose host did not answer
)

// fetch reads the document and returns the client that it describes, its size, and how long it counts. An outbound.ErrAway may pass.
func (d *Documents) fetch(ctx context.Context, id string, row *idp.Client) (c *idp.Client, size int, fresh time.Duration, err error) {
	// Client ID Metadata Document §8.6: addresses inside are refused by package outbound, at each connection.
	// Client ID Metadata Document §5: redirects are not followed. The address is the client's name, and another one would be somebody else's.
	answer, err := d.Outbound.GetHere(ctx, id, maxClientDocument)
	if err == nil {
		err = answer.Away()
	}
	switch {
	case errors.Is(err, outbound.ErrAway):
		return nil, 0, 0, err
	case err != nil:
		return nil, 0, 0, documentFault("The document cannot be read: its host is not on the public internet, or it is too large.", err)
	case answer.Status != http.StatusOK:
		return nil, 0, 0, documentFault(fmt.Sprintf("There is no document at the address: it answers %d.", answer.Status), nil)
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || kind != idp.MediaJSON && !(strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")) {
		return nil, 0, 0, documentFault("The document is no application/json.", nil)
	}
	if c, err = d.describe(ctx, id, answer.Body, row); err != nil {
		return nil, 0, 0, err
	}
	return c, len(answer.Body), freshness(answer.Header, d.Now()), nil
}

// describe turns a document into the client that it describes.
func (d *Documents) describe(ctx context.Context, id string, body []byte, row *idp.Client) (*idp.Client, error) {
	members, err := readMembers(body, maxClientDocument)
	if err != nil {
		return nil, documentFault("The document cannot be read: "+err.Error()+".", nil)
	}
	// Client ID Metadata Document §4: the document names the address that it lies at, to the letter, or anybody could serve somebody else's.
	if text(members["client_id"]) != id {
		return nil, documentFault("The client_id in the document is not the address of the document.", nil)
	}
	for _, name := range []string{"client_secret", "client_secret_expires_at"} {
		if _, has := members[name]; has {
			return nil, documentFault("The document holds a secret, which everybody can read. Take it out.", nil)
		}
	}
	if _, said := members[memberAuthMethod]; !said {
		members[memberAuthMethod] = json.RawMessage(`"` + idp.AuthNone + `"`)
	}
	c := &idp.Client{ID: id, Contract: idp.StrangersContract(), ManagedBy: idp.ManagedByDocument, CreatedAt: now()}
	c.UpdatedAt, c.RegisteredAt = c.CreatedAt, c.CreatedAt
	if row != nil {
		c.Contract, c.CreatedAt, c.UpdatedAt, c.ClientOrigin, c.ManagedBy = row.Contract, row.CreatedAt, row.UpdatedAt, row.ClientOrigin, row.ManagedBy
	}
	if err := read(members, c); err != nil {
		return nil, documentFault(err.Error(), nil)
	}
	if method := c.AuthMethods[0]; method != idp.AuthNone && method != idp.AuthPrivateKeyJWT {
		// Client ID Metadata Document §4.1: nothing that rests on a shared secret.
		return nil, documentFault("The token_endpoint_auth_method of the document is neither none nor private_key_jwt.", nil)
	}
	c.GrantTypes = slices.DeleteFunc(c.GrantTypes, func(g string) bool { return g != idp.GrantAuthorizationCode && g != idp.GrantRefreshToken })
	c.ResponseTypes = slices.DeleteFunc(c.ResponseTypes, func(t string) bool { return t != idp.ResponseTypeCode })
	c.PostLogoutRedirectURIs = slices.Clone(c.PostLogoutRedirectURIs)
	if err := d.scopes(ctx, c); err != nil {
		return nil, err
	}
	d.origin(c)
	c.Profile = d.Profile
	c.ApplyDefaults()
	if row != nil {
		c.RequirePKCE = c.RequirePKCE || row.RequirePKCE
	}
	err = c.Validate()
	if err == nil {
		err = d.Outside(ctx, row, c)
	}
	if faults := idp.Faults(err); len(faults) > 0 && faults[0].Kind == idp.Invalid {
		return nil, documentFault("The document cannot be taken: "+faults[0].Message, nil)
	}
	return c, err
}

// scopes bounds what the client may ask for: what the settings say, and what the operator's protected resources have.
func (d *Documents) scopes(ctx context.Context, c *idp.Client) error {
	allowed, err := allowed(ctx, d.Scopes, d.MoreScopes)
	if err != nil {
		return err
	}
	if c.Scopes == nil {
		c.Scopes = allowed
	} else {
		c.Scopes = slices.DeleteFunc(c.Scopes, func(s string) bool { return !slices.Contains(allowed, s) })
	}
	if !slices.Contains(c.GrantTypes, idp.GrantRefreshToken) {
		c.Scopes = slices.DeleteFunc(c.Scopes, func(s string) bool { return s == idp.ScopeOfflineAccess })
	}
	if len(c.Scopes) > 100 {
		c.Scopes = c.Scopes[:100]
	}
	return nil
}

// origin says whether somebody vouches for the client: the operator by its host, or an administrator once.
func (d *Documents) origin(c *idp.Client) {
	switch named := d.named(c.ID); {
	case named && c.ManagedBy == idp.ManagedByDocument:
		c.ManagedBy, c.ByHost, c.Pending = idp.ManagedByDocumentApproved, true, false
	case !named && c.ByHost: // the operator took the host back
		c.ManagedBy, c.ByHost = idp.ManagedByDocument, false
		c.Pending = d.Trust == TrustApproval
	case !named && c.ManagedBy == idp.ManagedByDocument:
		c.Pending = d.Trust == TrustApproval
	}
}

// freshness returns how long an answer counts (Client ID Metadata Document §5.2, RFC 9111 §4.2.1), within bounds of our own.
func freshness(h http.Header, at time.Time) time.Duration {
	fresh := usuallyFresh
	if expires, err := http.ParseTime(h.Get("Expires")); err == nil {
		fresh = expires.Sub(at)
	}
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "max-age":
			if seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
				fresh = time.Duration(min(max(seconds, 0), int64(mostFresh/time.Second))) * time.Second
			}
		case "no-store", "no-cache":
			return leastFresh
		}
	}
	return min(max(fresh, leastFresh), mostFresh)
}

func documentFault(message string, cause error) *idp.Error {
	return &idp.Error{Kind: idp.Invalid, Code: CodeDocument, Message: message, Err: cause}
}
