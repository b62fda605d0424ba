package grant

import (
	"net/http"

	"github.com/ory/fosite"

	"idp/internal/idp"
)

// refuse returns an error of RFC 6749 §5.2 with a sentence for the application's developer.
func refuse(code, description string) error {
	return &fosite.RFC6749Error{ErrorField: code, DescriptionField: description, CodeField: http.StatusBadRequest}
}

// refuse is refuse with a line in the trace that says what was expected, and how to mend it.
func (s *Session) refuse(code, description, clause, expected, mend string) error {
	s.Trace.Fail(idp.Check{Name: code, Expected: expected, Received: description, Mend: mend, Clause: clause})
	return refuse(code, description)
}

// missing refuses a request that lacks a parameter.
func (s *Session) missing(parameter, clause string) error {
	return s.refuse(idp.CodeInvalidRequest, "The parameter "+parameter+" is missing.", clause, "the parameter "+parameter, "Send it in the body of the request, form-encoded; look at how the application puts the request together.")
}
