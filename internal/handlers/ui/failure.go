package ui

import (
	"net/http"

	"idp/internal/idp"
)

// Failure is the error page. FailureOf fills what follows from code and status; handlers add what they know.
type Failure struct {
	Status      int
	Code        string // a stable word: redirect_uri_invalid
	Sentence    Message
	Mend        Message
	Detail      string // technical words, English only, safe to show
	TraceID     string
	Untraced    bool   // TraceID is the request's own id: it is in the log, and there is nothing more to see
	RedirectURI string // as received, where it is the matter; shown as text
	ClientID    string // as received
	Client      *Client
	RetryURL    string // a path of this server
}

// PageName names the template.
func (Failure) PageName() string { return "failure" }

// errorSentence is what a code says to people.
type errorSentence struct{ code, sentence, mend string }

// FailureOf returns the error page of a code, with the sentences that fit it; a code it does not know gets those of its status.
func FailureOf(status int, code string) Failure {
	f := Failure{Status: status, Code: code}
	want := []string{code, byStatus(status)}
	for _, w := range want {
		for _, e := range errorSentences() {
			if e.code == w {
				f.Sentence, f.Mend = Say(e.sentence), Say(e.mend)
				return f
			}
		}
	}
	return f
}

// byStatus returns the code whose sentences fit any fault of this status.
func byStatus(status int) string {
	switch {
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return "forbidden"
	case status == http.StatusNotFound || status == http.StatusGone:
		return "not_found"
	case status == http.StatusTooManyRequests:
		return "throttled"
	case status == http.StatusServiceUnavailable:
		return "unavailable"
	case status >= 500:
		return "internal"
	}
	return idp.CodeInvalidRequest
}

// errorSentences is the table of codes that have their own sentences.
func errorSentences() []errorSentence {
	return []errorSentence{
		{idp.CodeInvalidRequest, "error.invalid_request", "error.invalid_request.mend"},
		{idp.CodeInvalidClient, "error.invalid_client", "error.invalid_client.mend"},
		{"client_disabled", "error.client_disabled", "error.client_disabled.mend"},
		{idp.CodeRedirectURI, "error.redirect_uri_invalid", "error.redirect_uri_invalid.mend"},
		{"redirect_uri_missing", "error.redirect_uri_missing", "error.redirect_uri_missing.mend"},
		{"post_logout_redirect_uri_invalid", "error.post_logout", "error.post_logout.mend"},
		{"interaction_expired", "error.interaction_expired", "error.interaction_expired.mend"},
		{"cookies_missing", "error.cookies_missing", "error.cookies_missing.mend"},
		{"cross_site", "error.cross_site", "error.cross_site.mend"},
		{"setup_closed", "error.setup_closed", "error.setup_closed.mend"},
		{"registration_closed", "error.registration_closed", "error.registration_closed.mend"},
		{"forbidden", "error.forbidden", "error.forbidden.mend"},
		{"not_found", "error.not_found", "error.not_found.mend"},
		{"method_not_allowed", "error.method_not_allowed", "error.method_not_allowed.mend"},
		{"throttled", "error.throttled", "error.throttled.mend"},
		{"unavailable", "error.unavailable", "error.unavailable.mend"},
		{"internal", "error.internal", "error.internal.mend"},
	}
}
