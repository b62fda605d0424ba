package upstream

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"idp/internal/idp"
)

const (
	maxIDToken = 64 << 10
	maxSubject = 255
	// maxIDTokenAge is how long ago an ID token may have been made. It comes straight from the token endpoint, so ten minutes
	// are generous, for clocks; an older one is a replay.
	maxIDTokenAge = 10 * time.Minute
)

// idTokenFacts is what is compared with.
type idTokenFacts struct {
	issuer   string
	clientID string
	nonce    string
	now      time.Time
}

// precheckIDToken reads a token before its signature is looked at and refuses what no honest provider sends, so that the libraries
// behind it only ever see one reading of it (SEC-17).
func precheckIDToken(raw string, algorithms []string) (object, error) {
	if len(raw) > maxIDToken {
		return nil, fmt.Errorf("the ID token is longer than %d bytes", maxIDToken)
	}
	// Before Split: ten thousand dots are ten thousand strings. Line breaks are skipped by Go's base64, so one token would have many spellings.
	if strings.Count(raw, ".") != 2 || strings.ContainsAny(raw, "\r\n") {
		return nil, errors.New("the ID token is not a signed JWT in compact form")
	}
	segments := strings.Split(raw, ".")
	header, err := decodeSegment(segments[0])
	if err != nil {
		return nil, fmt.Errorf("the ID token's header: %w", err)
	}
	alg, err := header.text("alg")
	if err != nil || !slices.Contains(algorithms, alg) {
		return nil, fmt.Errorf("the ID token's alg %s is not one of %s", loggable(alg), strings.Join(algorithms, ", "))
	}
	// We understand no extension, and RFC 7515 §4.1.11 wants a crit that is not understood refused. b64 changes what is signed.
	for _, name := range []string{"crit", "b64"} {
		if _, ok := header[name]; ok {
			return nil, fmt.Errorf("the ID token's header has %s", name)
		}
	}
	// An access token or a logout token of the same issuer is no ID token (RFC 8725 §3.11).
	if typ, err := header.text("typ"); err != nil || typ != "" && !strings.EqualFold(typ, "JWT") {
		return nil, fmt.Errorf("the ID token's typ is %s", loggable(typ))
	}
	if _, err := header.text("kid"); err != nil {
		return nil, fmt.Errorf("the ID token's header: %w", err)
	}
	claims, err := decodeSegment(segments[1])
	if err != nil {
		return nil, fmt.Errorf("the ID token's claims: %w", err)
	}
	return claims, nil
}

func decodeSegment(s string) (object, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return parseObject(b)
}

// checkIDToken applies OpenID Connect Core §3.1.3.7 to the claims of a token; the signature is checked besides.
func checkIDToken(claims object, f idTokenFacts) error {
	iss, err := claims.text("iss")
	if err != nil || !sameIssuer(f.issuer, iss) {
		return fmt.Errorf("iss is %s, want %s", loggable(iss), f.issuer)
	}
	if _, err := subject(claims); err != nil {
		return err
	}
	if err := checkAudience(claims, f.clientID); err != nil {
		return err
	}
	if err := checkTimes(claims, f.now); err != nil {
		return err
	}
	nonce, err := claims.text("nonce")
	if err != nil || f.nonce == "" || subtle.ConstantTimeCompare([]byte(nonce), []byte(f.nonce)) != 1 {
		return errors.New("nonce is missing or belongs to another sign-in")
	}
	return nil
}

// sameIssuer compares issuers byte for byte, except that Google may leave out its scheme.
func sameIssuer(want, got string) bool {
	return got == want || want == googleIssuer && got == googleIssuerBare
}

// subject returns sub as it is.
func subject(claims object) (string, error) {
	sub, err := claims.text("sub")
	if err == nil {
		err = checkSubject("sub", sub)
	}
	return sub, err
}

// checkSubject takes an identifier as it is, never trimmed or folded (PS-4). Characters that two stores or encodings could disagree about are refused:
// U+FFFD stands for whatever could not be decoded, so two people could share it.
func checkSubject(name, sub string) error {
	switch {
	case sub == "":
		return fmt.Errorf("%s is missing", name)
	case len(sub) > maxSubject:
		return fmt.Errorf("%s is longer than %d bytes", name, maxSubject)
	case strings.ContainsFunc(sub, func(r rune) bool { return r == unicode.ReplacementChar || unicode.IsControl(r) }):
		return fmt.Errorf("%s has characters that are not text", name)
	}
	return nil
}

// checkAudience wants our client id in aud. Further audiences pass only if azp says that the token was made for us; an azp
// that names another is refused in any case.
func checkAudience(claims object, clientID string) error {
	var audience []string
	var one string
	if err := json.Unmarshal(claims["aud"], &one); err == nil && claims.has("aud") {
		audience = []string{one}
	} else if audience, err = claims.texts("aud"); err != nil {
		return err
	}
	if !slices.Contains(audience, clientID) {
		return errors.New("aud does not name this client")
	}
	azp, err := claims.text("azp")
	if err != nil {
		return err
	}
	if azp != clientID && (claims.has("azp") || len(audience) > 1) {
		return fmt.Errorf("azp is %s, not this client", loggable(azp))
	}
	return nil
}

func checkTimes(claims object, now time.Time) error {
	exp, ok, err := claims.date("exp")
	switch {
	case err != nil:
		return err
	case !ok:
		return errors.New("exp is missing")
	case !now.Before(exp):
		return fmt.Errorf("the ID token expired at %s", exp.Format(time.RFC3339))
	}
	iat, ok, err := claims.date("iat")
	switch {
	case err != nil:
		return err
	case !ok:
		return errors.New("iat is missing")
	case iat.After(now.Add(idp.ClockSkew)):
		return fmt.Errorf("iat %s lies in the future; compare the clocks", iat.Format(time.RFC3339))
	case iat.Before(now.Add(-maxIDTokenAge)):
		return fmt.Errorf("iat %s is more than %s ago", iat.Format(time.RFC3339), maxIDTokenAge)
	}
	nbf, ok, err := claims.date("nbf")
	if err != nil {
		return err
	}
	if ok && nbf.After(now.Add(idp.ClockSkew)) {
		return fmt.Errorf("nbf %s lies in the future", nbf.Format(time.RFC3339))
	}
	return nil
}
