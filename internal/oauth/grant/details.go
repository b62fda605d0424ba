package grant

import (
	"encoding/json"
	"errors"
	"net/url"

	"idp/internal/authdetail"
	"idp/internal/idp"
)

// detailsOf returns the authorization details of a token request: all that were granted, or those of them that it names (RFC 9396 §6).
func (s *Session) detailsOf(form url.Values, granted json.RawMessage) (json.RawMessage, error) {
	asked := form.Get("authorization_details")
	if asked == "" {
		return granted, nil
	}
	details, err := authdetail.Narrow(granted, asked)
	return details, s.detailsFault(err)
}

func (s *Session) detailsFault(err error) error {
	fault := (*authdetail.Fault)(nil)
	if !errors.As(err, &fault) {
		return err
	}
	s.Trace.Fail(idp.Check{
		Name: "authorization_details", Expected: "details that were granted", Received: fault.Reason,
		Mend: "Leave authorization_details out of the token request, or name what was granted to the letter.", Clause: "RFC 9396 §6",
	})
	return refuse(idp.CodeInvalidAuthorizationDetails, fault.Reason)
}
