package upstream

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"idp/internal/idp"
)

// Codes of the errors that Begin and Finish return.
const (
	CodeDenied              = "upstream_denied"               // the person said no there
	CodeInteractionRequired = "upstream_interaction_required" // prompt=none was passed on and cannot be met
	CodeDomainDenied        = "upstream_domain_denied"        // signed in, but outside the allowed domains
	CodeFailed              = "upstream_failed"               // the answer is broken, forged, or refused
	CodeUnavailable         = "upstream_unavailable"          // no answer in time, or a server error: try again
	CodeMisconfigured       = "upstream_misconfigured"        // the operator must look: wrong secret, wrong issuer
)

const (
	maxLogText = 200
	retryLater = 5 * time.Second
)

// errTooLarge says that an upstream's answer was cut off.
var errTooLarge = errors.New("the answer is larger than the limit")

func failed(name string, err error) *idp.Error {
	return &idp.Error{
		Kind: idp.Invalid, Code: CodeFailed, Err: err,
		Message: fmt.Sprintf("Signing in with %s did not work. Try again, or use another way to sign in.", name),
	}
}

func unavailable(name string, retryAfter time.Duration, err error) *idp.Error {
	return &idp.Error{
		Kind: idp.Unavailable, Code: CodeUnavailable, RetryAfter: retryAfter, Err: err,
		Message: fmt.Sprintf("%s does not answer at the moment. Try again in a little while, or use another way to sign in.", name),
	}
}

func misconfigured(name string, err error) *idp.Error {
	return &idp.Error{
		Kind: idp.Unavailable, Code: CodeMisconfigured, Err: err,
		Message: fmt.Sprintf("Signing in with %s is not set up correctly on this server. Use another way to sign in, and tell the operator.", name),
	}
}

func domainDenied(name string, err error) *idp.Error {
	return &idp.Error{
		Kind: idp.Forbidden, Code: CodeDomainDenied, Err: err,
		Message: fmt.Sprintf("This %s account may not be used here: it has no verified address in an organisation that is let in. Choose another account.", name),
	}
}

// answeredError turns the error of an authorization response (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6) into ours. Whoever
// holds a state can forge these words, so none of them may become a 500 or an alarm.
func answeredError(name string, cb callback) *idp.Error {
	err := fmt.Errorf("the upstream answered error=%s description=%s", loggable(cb.err), loggable(cb.errDescription))
	switch cb.err {
	case idp.CodeAccessDenied:
		return &idp.Error{
			Kind: idp.Forbidden, Code: CodeDenied, Err: err,
			Message: fmt.Sprintf("You did not finish signing in with %s. Try again, or use another way to sign in.", name),
		}
	case idp.CodeLoginRequired, idp.CodeInteractionRequired, idp.CodeConsentRequired, idp.CodeAccountSelectionRequired:
		return &idp.Error{
			Kind: idp.Forbidden, Code: CodeInteractionRequired, Err: err,
			Message: fmt.Sprintf("%s wants to ask you something before you can sign in. Try again.", name),
		}
	case idp.CodeTemporarilyUnavailable, idp.CodeServerError:
		return unavailable(name, retryLater, err)
	}
	return failed(name, err)
}

// loggable quotes a stranger's text for the log: bounded, no control characters, no line breaks.
func loggable(s string) string {
	cut := ""
	if len(s) > maxLogText {
		s, cut = s[:maxLogText], "…"
	}
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s) // Map gives U+FFFD for each byte that is no UTF-8
	return `"` + strings.ReplaceAll(s, `"`, "'") + cut + `"`
}
