package auth

import "idp/internal/idp"

// CodeLoginFailed is the code of every refused sign-in.
const CodeLoginFailed = "login_failed"

// Refused returns the one answer to every sign-in that is refused, by whichever way it was tried: a second wording would tell
// who exists and who is disabled (PS-24, SEC-18). cause is for the log.
func Refused(cause error) *idp.Error {
	return &idp.Error{
		Kind: idp.Unauthenticated, Code: CodeLoginFailed, Err: cause,
		Message: "Signing in did not work. Check your name and password, or use another way to sign in.",
	}
}
