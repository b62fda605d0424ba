package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"idp/internal/idp"
	"idp/internal/untrusted"
)

const (
	maxBody  = 1 << 20
	maxDepth = 32
	maxQuery = 4 << 10
)

// checkRequest refuses what no operation takes: text that the databases cannot keep, bodies that are no JSON, too long, or ambiguous. It leaves the body
// to be read again.
func checkRequest(w http.ResponseWriter, r *http.Request) *Problem {
	if p := checkAddress(r.URL); p != nil {
		return p
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return problem(http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("The body is longer than %d bytes.", maxBody))
	case err != nil:
		return problem(http.StatusBadRequest, "body_incomplete", "The body did not arrive whole.")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		return nil
	}
	// A cross-site form can send text/plain, but not application/json, without asking first (FS-47).
	if !isJSON(r) {
		return problem(http.StatusUnsupportedMediaType, "content_type", "The body must be application/json (for PATCH also application/merge-patch+json), and its Content-Type must say so.")
	}
	if err := checkJSON(body); err != nil {
		return problem(http.StatusBadRequest, "json_invalid", "The body cannot be read: "+err.Error()+".")
	}
	return nil
}

func isJSON(r *http.Request) bool {
	values := r.Header.Values("Content-Type")
	if len(values) != 1 {
		return false
	}
	kind, params, err := mime.ParseMediaType(values[0])
	if err != nil {
		return false
	}
	if charset, given := params["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	return kind == idp.MediaJSON || kind == idp.MediaMergePatch && r.Method == http.MethodPatch
}

// checkAddress refuses paths and queries with characters that PostgreSQL's text cannot hold, and parameters that are given twice or say nothing.
func checkAddress(u *url.URL) *Problem {
	if len(u.RawQuery) > maxQuery || !cleanText(u.Path) {
		return problem(http.StatusBadRequest, "address_invalid", "The address is too long, or has characters that no id has.")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return problem(http.StatusBadRequest, "query_invalid", "The query is not form-encoded.")
	}
	for name, values := range query {
		// What is empty is perhaps a variable that nobody set: a filter would let everything through. No cursor is the first page.
		if len(values) > 1 || values[0] == "" && name != "after" || !cleanText(values[0]) || !cleanText(name) {
			p := problem(http.StatusBadRequest, "query_invalid", "A parameter is given twice, is empty, or has characters that are no text.")
			if cleanText(name) && len(name) < 64 {
				p.Field = name
			}
			return p
		}
	}
	return nil
}

func cleanText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// checkJSON refuses what two readers may understand differently, and beside what every reader refuses: members in another case, which encoding/json takes for
// ours, and NUL, which PostgreSQL does not store. The names inside "custom" are the operator's own, those inside "jwks" RFC 7517's, and those inside
// "schema" a JSON Schema's.
func checkJSON(body []byte) error {
	if err := untrusted.Check(body, untrusted.Bounds{Bytes: maxBody, Depth: maxDepth}); err != nil {
		return err
	}
	var document any
	if err := decodeNumbers(body, &document); err != nil {
		return errors.New("it is no JSON")
	}
	return checkTexts(document, false)
}

// checkTexts looks at every text and every name. Names are free where the operator gives them.
func checkTexts(value any, free bool) error {
	switch v := value.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return errors.New("a text has the character NUL in it")
		}
	case []any:
		for _, element := range v {
			if err := checkTexts(element, free); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, member := range v {
			switch {
			case strings.ContainsRune(name, 0):
				return errors.New("a member's name has the character NUL in it")
			case !free && name != strings.ToLower(name):
				return fmt.Errorf("there is no member %.64q: every member is in lower case", name)
			}
			inner := free || name == "custom" || name == "localized" || name == "jwks" || name == "schema" // names of the operator's own; client_name#de-CH; x5t#S256
			if err := checkTexts(member, inner); err != nil {
				return err
			}
		}
	}
	return nil
}
