package oauth

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"idp/internal/idp"
)

const (
	bodyMost   = 64 << 10 // bytes of a form
	paramsMost = 64       // parameters of a request
)

// readForm reads the body of a back-channel request: form-encoded (a charset may follow, RP-3), bounded, each parameter once
// (RFC 6749 §3.2), none of ours in the query, where it would end in logs.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	form, err := readBody(w, r)
	if own := (*Error)(nil); errors.As(err, &own) {
		return nil, err
	}
	if err != nil {
		return nil, invalidForm(err.Error())
	}
	if r.URL.RawQuery != "" {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, invalidForm("The query is malformed.")
		}
		for name := range query {
			if secretParams[name] || form.Has(name) {
				return nil, invalidForm("Parameters belong into the body, not into the URL.")
			}
		}
	}
	r.Form, r.PostForm = form, form
	return form, nil
}

func invalidForm(description string) error {
	return &Error{Status: http.StatusBadRequest, Code: idp.CodeInvalidRequest, Description: description}
}

// readBody reads the parameters of a form. Its errors are an *Error, or those of parseParams.
func readBody(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if kind := r.Header.Get("Content-Type"); kind != idp.MediaForm { // as nearly everybody writes it
		media, _, err := mime.ParseMediaType(kind)
		if err != nil || media != idp.MediaForm {
			return nil, invalidForm("The Content-Type must be application/x-www-form-urlencoded.")
		}
	}
	body, err := readBounded(w, r)
	if err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return nil, &Error{Status: http.StatusRequestEntityTooLarge, Code: idp.CodeInvalidRequest, Description: "The body is larger than 64 KiB."}
		}
		return nil, invalidForm("The body could not be read.")
	}
	return parseParams(string(body))
}

// readBounded reads a body of at most bodyMost bytes: at once where its length was said, as it mostly is.
func readBounded(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 || r.ContentLength > bodyMost {
		return io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMost))
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

// secretParams must never stand in a URL.
var secretParams = map[string]bool{
	"client_secret": true, "client_assertion": true, "code": true, "code_verifier": true, "refresh_token": true, "access_token": true,
	"token": true, "password": true, "assertion": true, "device_code": true, "auth_req_id": true,
	"subject_token": true, "actor_token": true, "client_notification_token": true,
}

// repeatable are the parameters that may come several times (RFC 8707 §2, RFC 8693 §2.1).
var repeatable = map[string]bool{"resource": true, "audience": true}

var (
	errMalformed = errors.New("the parameters are not well formed")
	errTooMany   = errors.New("the request has more than 64 parameters")
)

// duplicate names a parameter that came more than once.
type duplicate struct{ name string }

// Error is the sentence for the client.
func (d duplicate) Error() string { return "The parameter " + d.name + " came more than once." }

// parseParams decodes form-encoded parameters strictly (RFC 6749 §10.14): well-formed escapes, valid UTF-8, no control characters, a bounded
// number, and none twice. A parameter without a value counts as not sent (RFC 6749 §3.1). On a duplicate the parameters are
// returned beside the error, so that the error can be sent to where it belongs.
func parseParams(encoded string) (url.Values, error) {
	if strings.Count(encoded, "&") >= paramsMost {
		return nil, errTooMany
	}
	all, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, errMalformed
	}
	var twice error
	for name, values := range all {
		if !cleanText(name) {
			return nil, errMalformed
		}
		for _, v := range values {
			if !cleanText(v) {
				return nil, errMalformed
			}
		}
		if len(values) > 1 && !repeatable[name] {
			if twice == nil || name == "client_id" || name == "redirect_uri" {
				twice = duplicate{printable(name)}
			}
			all[name] = values[:1]
		}
		if sent := slices.DeleteFunc(all[name], func(v string) bool { return v == "" }); len(sent) > 0 {
			all[name] = sent
		} else {
			delete(all, name)
		}
	}
	return all, twice
}

func cleanText(s string) bool {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= 0x20 && s[i] < 0x7f
	}
	if plain {
		return true
	}
	return strings.ToValidUTF8(s, "") == s && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 && r != '\n' && r != '\r' && r != '\t' || r == 0x7f })
}

// printable cuts a name for an error text.
func printable(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return ascii(s)
}
