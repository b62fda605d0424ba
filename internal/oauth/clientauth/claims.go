package clientauth

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/untrusted"
)

// lifeMost is how long an assertion may be good: so long its jti is remembered.
const lifeMost = time.Hour

// Claims are the claims of RFC 7523 §3, of client assertions and of assertions that are authorization grants.
type Claims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  untrusted.Texts `json:"aud"`
	Expires   *float64        `json:"exp"`
	NotBefore *float64        `json:"nbf"`
	IssuedAt  *float64        `json:"iat"`
	ID        string          `json:"jti"`
}

// Only reports whether somebody is named, and each entry is ours.
func Only(audience untrusted.Texts, ours func(entry string) bool) bool {
	return len(audience.List) > 0 && !slices.ContainsFunc(audience.List, func(entry string) bool { return !ours(entry) })
}

// TypeFault refuses a JWT that says it is something else than own or a plain JWT: one that was signed for another purpose is no proof
// (RFC 8725 §3.11).
func TypeFault(header jose.Header, own string) string {
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, has := header.ExtraHeaders[name]; has {
			return "its header has " + string(name)
		}
	}
	typ, has := header.ExtraHeaders[jose.HeaderType]
	if !has {
		return ""
	}
	name, _ := typ.(string)
	switch strings.TrimPrefix(strings.ToLower(name), "application/") {
	case "jwt", own:
		return ""
	}
	return "its typ is that of another kind of JWT"
}

// Fault returns what is wrong with the dates and the jti (RFC 7523 §3).
func (k *Claims) Fault(now time.Time) string {
	switch {
	case k.Expires == nil:
		return "exp is missing"
	case k.ID == "":
		return "jti is missing"
	}
	for _, date := range []*float64{k.Expires, k.NotBefore, k.IssuedAt} {
		const year9999 = 253402300799
		if date != nil && (*date < 0 || *date > year9999 || math.IsNaN(*date)) {
			return "a date is out of range"
		}
	}
	switch exp := untrusted.Instant(*k.Expires); {
	case !now.Before(exp):
		return "it has expired"
	case exp.After(now.Add(lifeMost + idp.ClockSkew)):
		return "it is good for more than an hour"
	case k.NotBefore != nil && untrusted.Instant(*k.NotBefore).After(now.Add(idp.ClockSkew)):
		return "nbf lies in the future; compare the clocks"
	case k.IssuedAt != nil && untrusted.Instant(*k.IssuedAt).After(now.Add(idp.ClockSkew)):
		return "iat lies in the future; compare the clocks"
	}
	return ""
}

// Remembered is how long the jti of claims without a fault is to be remembered.
func (k *Claims) Remembered() time.Time { return untrusted.Instant(*k.Expires).Add(idp.ReplicaSkew) }
