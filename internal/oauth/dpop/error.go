package dpop

import "idp/internal/idp"

// Error says what is wrong with a proof.
type Error struct {
	Code        string
	Description string    // a sentence for the client's developer
	Check       idp.Check // for the trace
}

// Error returns the description.
func (e *Error) Error() string { return e.Description }

// faulty returns the error of a proof that fails a check.
func faulty(description, name, expected, received, mend string) *Error {
	return &Error{idp.CodeInvalidDPoPProof, description, idp.Check{Name: name, Expected: expected, Received: received, Mend: mend, Clause: "RFC 9449 §4.3"}}
}

// Replayed is the error of a proof that came before.
func Replayed() *Error {
	return faulty("The DPoP proof was used before.", "DPoP proof is used for the first time", "a jti that this key has not used yet", "one that it has used",
		"Make a new proof for every request, also when one is repeated.")
}

// Missing is the error of a request that had to have a proof.
func Missing() *Error {
	return faulty("This request needs a DPoP proof.", "DPoP proof is there", "a header DPoP", "none",
		"Switch DPoP on in the application, or take dpop_bound_access_tokens from its client.")
}
