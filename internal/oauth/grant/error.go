package grant

import (
	"net/http"

	"github.com/ory/fosite"
)

// refuse returns an error of RFC 6749 §5.2 with a sentence for the application's developer.
func refuse(code, description string) error {
	return &fosite.RFC6749Error{ErrorField: code, DescriptionField: description, CodeField: http.StatusBadRequest}
}

const (
	accessDenied   = "access_denied"
	invalidDetails = "invalid_authorization_details" // RFC 9396 §5
	invalidGrant   = "invalid_grant"
	invalidRequest = "invalid_request"
	invalidScope   = "invalid_scope"
	invalidTarget  = "invalid_target" // RFC 8707 §2
)
