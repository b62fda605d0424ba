package registration

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"idp/internal/idp"
)

const (
	maxStatement = 16 << 10 // bytes
)

// Statements verifies what somebody whom the operator trusts says of an application (RFC 7591 §2.3).
type Statements struct {
	// Issuers are who may say it, by their iss, each with its public keys.
	Issuers map[string]idp.ClientKeys
	// Verify returns what somebody signed with one of the algorithms (clientkeys.Keys.Verify).
	Verify func(ctx context.Context, signer *idp.Client, compact string, algs []string) ([]byte, error)
}

// ParseIssuer reads a setting: an issuer, an equals sign, and the address or the text of its keys.
func ParseIssuer(setting string, readFile func(name string) ([]byte, error)) (issuer string, keys idp.ClientKeys, err error) {
	issuer, at, found := strings.Cut(setting, "=")
	if !found || issuer == "" || at == "" {
		return "", keys, fmt.Errorf("%q is no issuer with its keys. Write ISSUER=https://…/jwks.json, or ISSUER= and the name of a file that holds a JWK Set", setting)
	}
	if strings.HasPrefix(at, "https://") || strings.HasPrefix(at, "http://") {
		keys.JWKSURI = at
		return issuer, keys, nil
	}
	raw, err := readFile(at)
	if err != nil {
		return "", keys, err
	}
	set, private, err := idp.ParseKeySet(raw)
	switch {
	case err != nil:
		return "", keys, fmt.Errorf("%s: %w", at, err)
	case private:
		return "", keys, fmt.Errorf("%s holds a private key: give this server the public half alone", at)
	case len(set) == 0:
		return "", keys, fmt.Errorf("%s holds no key that can be used", at)
	}
	keys.JWKS = raw
	return issuer, keys, nil
}

// applyStatement returns members with what their software statement says in the place of what they say themselves (RFC 7591 §2.3: the statement takes
// precedence).
func (s *Service) applyStatement(ctx context.Context, members map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	raw, sent := members[memberStatement]
	if !sent {
		if s.NeedStatement {
			return nil, statementFault("A software statement of an issuer that this server trusts is needed (RFC 7591 §2.3). Send it as software_statement.")
		}
		return members, nil
	}
	if s.Statements == nil || len(s.Statements.Issuers) == 0 {
		return nil, &idp.Error{Kind: idp.Invalid, Code: idp.CodeUnapprovedSoftwareStatement, Field: memberStatement, Message: "This server trusts no issuer of software statements. Register without one."}
	}
	compact := text(raw)
	if compact == "" || len(compact) > maxStatement {
		return nil, statementFault(fmt.Sprintf("The software statement is no text of at most %d bytes.", maxStatement))
	}
	claims, err := s.Statements.read(ctx, compact, time.Now())
	if err != nil {
		return nil, err
	}
	out := maps.Clone(members)
	for name := range members { // a name that is vouched for has no other one in another language (RFC 7591 §2.2)
		plain, _, tagged := strings.Cut(name, "#")
		if _, vouched := claims[plain]; tagged && vouched {
			delete(out, name)
		}
	}
	for name, value := range claims {
		if slices.Contains(names(), name) || slices.Contains([]string{memberAuthMethod, memberScope, memberIDTokenAlg}, name) || strings.Contains(name, "#") {
			out[name] = value
		}
	}
	return out, nil
}

// read verifies a statement and returns its claims.
func (v *Statements) read(ctx context.Context, compact string, at time.Time) (map[string]json.RawMessage, error) {
	// Whose keys verify it, its own words say; they count for nothing until it is verified.
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return nil, statementFault("The software statement is no signed JWT.")
	}
	unverified, err := decodeSegment(parts[1])
	if err != nil {
		return nil, statementFault("The software statement is no signed JWT.")
	}
	issuer := text(unverified["iss"])
	keys, trusted := v.Issuers[issuer]
	if !trusted || issuer == "" {
		return nil, &idp.Error{Kind: idp.Invalid, Code: idp.CodeUnapprovedSoftwareStatement, Field: memberStatement, Message: "The software statement is of an issuer that this server does not trust."}
	}
	signer := &idp.Client{ID: "software statements of " + issuer, ClientKeys: keys}
	// RFC 8725 §3.1: signatures alone, no HMAC and no "none".
	payload, err := v.Verify(ctx, signer, compact, idp.SupportedSigningAlgs())
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &idp.Error{Kind: idp.Invalid, Code: idp.CodeInvalidSoftwareStatement, Field: memberStatement, Message: "The signature of the software statement is not its issuer's.", Err: err}
	}
	claims, err := readMembers(payload, maxStatement)
	if err != nil {
		return nil, statementFault("The software statement has no claims that can be read.")
	}
	for name, bad := range map[string]func(time.Time) bool{
		"exp": func(t time.Time) bool { return !at.Before(t) },
		"nbf": func(t time.Time) bool { return at.Add(idp.ClockSkew).Before(t) },
		"iat": func(t time.Time) bool { return at.Add(idp.ClockSkew).Before(t) },
	} {
		raw, sent := claims[name]
		if !sent {
			continue
		}
		var seconds float64
		if err := json.Unmarshal(raw, &seconds); err != nil || seconds < 0 || seconds > 1e11 || bad(time.Unix(int64(seconds), 0)) {
			return nil, statementFault("The software statement is not valid now (" + name + ").")
		}
	}
	return claims, nil
}

func decodeSegment(segment string) (map[string]json.RawMessage, error) {
	raw, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return nil, errors.New("it is not base64url")
	}
	return readMembers(raw, maxStatement)
}

func statementFault(message string) *idp.Error {
	return &idp.Error{Kind: idp.Invalid, Code: idp.CodeInvalidSoftwareStatement, Field: memberStatement, Message: message}
}
