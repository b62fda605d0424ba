package ui

// Message is a sentence by its id in the catalogues, with the data it speaks of. The zero value says nothing.
type Message struct {
	ID    string
	Data  map[string]any
	Count int // chooses the plural form where it is above zero
}

// Say returns the message with this id and no data.
func Say(id string) Message { return Message{ID: id} }

// Sentences that handlers choose at run time. A test proves that every catalogue has them, and that a handler says them.
const (
	MsgBadCredentials     = "problem.bad_credentials"    // the one answer to a wrong name, a wrong password, a locked account
	MsgMissingIdentifier  = "problem.missing_identifier" // field identifier
	MsgMissingPassword    = "problem.missing_password"   // field password
	MsgWrongAccount       = "problem.wrong_account"      // signed in as somebody else than the application asked for
	MsgBusy               = "problem.busy"               // the hashing queue is full
	MsgInvalidEmail       = "problem.invalid_email"      // field email
	MsgAddressTaken       = "problem.address_taken"      // field email
	MsgInvalidUsername    = "problem.invalid_username"   // field username
	MsgUsernameTaken      = "problem.username_taken"     // field username
	MsgPasswordsDiffer    = "problem.passwords_differ"   // field password_again
	MsgMissingName        = "problem.missing_name"       // field name
	MsgWrongToken         = "problem.wrong_token"        // field token
	MsgPasswordTooShort   = "problem.password_too_short" // field password; data Min
	MsgPasswordTooLong    = "problem.password_too_long"  // field password; data Max
	MsgPasswordGuessable  = "problem.password_guessable" // field password
	MsgPasswordKnown      = "problem.password_known"     // field password: it is in a list of leaked ones
	MsgWrongPassword      = "problem.wrong_password"     // field password, where the account is known already
	MsgWrongUserCode      = "problem.wrong_user_code"    // field user_code
	MsgApprovalAllowed    = "approvals.allowed"
	MsgApprovalDenied     = "approvals.denied"
	MsgApprovalGone       = "approvals.gone"
	MsgReauthenticate     = "notice.reauthenticate" // the application asks for a fresh proof
	MsgOtherWay           = "notice.other_way"      // the application asks for certain ways of signing in; the page offers those
	MsgUpstreamDenied     = "upstream.denied"       // the person, or the provider, said no
	MsgUpstreamInvalid    = "upstream.invalid"      // the answer could not be trusted
	MsgUpstreamDown       = "upstream.unavailable"  // the provider did not answer
	MsgUpstreamNotAllowed = "upstream.not_allowed"  // wrong domain, or no account and none may be made
)

// Problem is what was wrong with a form: with one field, or with all of it.
type Problem struct {
	Field   string // the name of the input; empty for the form
	Message Message
}

// Problems are the faults of one form, in the order of its fields.
type Problems []Problem

// On returns the fault of one field, nil where it has none.
func (p Problems) On(field string) *Problem {
	for i := range p {
		if p[i].Field == field {
			return &p[i]
		}
	}
	return nil
}
