package requestobject

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/untrusted"
)

// object is the content of a request object: the claims about itself, and the parameters.
type object struct {
	Issuer    string
	Audience  untrusted.Texts
	Subject   string
	Expires   *float64
	NotBefore *float64
	IssuedAt  *float64
	params    url.Values
}

const maxMembers = 64 // as many as a request may have parameters

// read takes the claims apart. RFC 9101 §4: parameters that are JSON stay JSON, numbers stay numbers, everything else is a text.
func read(payload []byte) (*object, *Fault) {
	var members map[string]json.RawMessage
	if err := untrusted.Decode(payload, untrusted.Bounds{Bytes: Most, Depth: maxDepth}, &members); err != nil {
		return nil, bad("its content", "a JSON object", err.Error())
	}
	if len(members) > maxMembers {
		return nil, bad("its content", "at most 64 members", "more")
	}
	o := &object{params: url.Values{}}
	for name, raw := range members {
		var err error
		switch name {
		case "iss":
			err = json.Unmarshal(raw, &o.Issuer)
		case "sub":
			err = json.Unmarshal(raw, &o.Subject)
		case "aud":
			if err = json.Unmarshal(raw, &o.Audience); err == nil && len(o.Audience.List) == 0 { // meant for nobody, which is not the same as for anybody
				err = errors.New("an empty list")
			}
		case "exp":
			err = json.Unmarshal(raw, &o.Expires)
		case "nbf":
			err = json.Unmarshal(raw, &o.NotBefore)
		case "iat":
			err = json.Unmarshal(raw, &o.IssuedAt)
		case "jti":
			var jti string
			err = json.Unmarshal(raw, &jti)
		default:
			err = o.put(name, raw)
		}
		if err != nil {
			return nil, bad(printable(name), "a value of its type", "another")
		}
	}
	return o, nil
}

// put adds a parameter. One without a value counts as not sent (RFC 6749 §3.1).
func (o *object) put(name string, raw json.RawMessage) error {
	text := strings.TrimSpace(string(raw))
	switch {
	case text == "null":
		return nil
	case text[0] == '"':
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			return err
		}
		if value != "" {
			o.params.Set(name, value)
		}
	case name == "resource": // RFC 8707 §2: several are a list
		var list untrusted.Texts
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		o.params[name] = list.List
	default: // a number, a boolean, or JSON: claims, authorization_details
		o.params.Set(name, text)
	}
	return nil
}

// asksForAuthorization reports whether the object says anything that belongs to an authorization request and to no other JWT that a client signs.
func (o *object) asksForAuthorization() bool {
	return o.params.Has("client_id") || o.params.Has("response_type") || o.params.Has("redirect_uri")
}

// checkTimes judges exp, nbf and iat (RFC 9101 §6, RFC 7519 §4.1.4). With strict both ends are named and an hour apart at most.
func (o *object) checkTimes(strict bool, now time.Time) *Fault {
	switch {
	case strict && (o.Expires == nil || o.NotBefore == nil):
		return bad("its times", "nbf and exp", "one or both missing")
	case o.Expires != nil && !now.Before(untrusted.Instant(*o.Expires)):
		return bad("exp", "a moment after "+clock(now), clock(untrusted.Instant(*o.Expires)))
	case o.NotBefore != nil && untrusted.Instant(*o.NotBefore).After(now.Add(idp.ClockSkew)):
		return bad("nbf", "no later than "+clock(now), clock(untrusted.Instant(*o.NotBefore)))
	case o.IssuedAt != nil && untrusted.Instant(*o.IssuedAt).After(now.Add(idp.ClockSkew)):
		return bad("iat", "no later than "+clock(now), clock(untrusted.Instant(*o.IssuedAt)))
	case strict && now.Sub(untrusted.Instant(*o.NotBefore)) > maxLife:
		return bad("nbf", "within the last hour", clock(untrusted.Instant(*o.NotBefore)))
	case strict && untrusted.Instant(*o.Expires).Sub(untrusted.Instant(*o.NotBefore)) > maxLife:
		return bad("exp", "at most an hour after nbf", clock(untrusted.Instant(*o.Expires)))
	}
	return nil
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func printable(name string) string {
	name = strings.ToValidUTF8(name, "?")
	if len(name) > 40 {
		name = name[:40]
	}
	return name
}
