package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"idp/internal/idp"
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

// checkAddress refuses paths and queries with characters that PostgreSQL's text cannot hold, and parameters that are given twice.
func checkAddress(u *url.URL) *Problem {
	if len(u.RawQuery) > maxQuery || !cleanText(u.Path) {
		return problem(http.StatusBadRequest, "address_invalid", "The address is too long, or has characters that no id has.")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return problem(http.StatusBadRequest, "query_invalid", "The query is not form-encoded.")
	}
	for name, values := range query {
		if len(values) > 1 || !cleanText(values[0]) || !cleanText(name) {
			p := problem(http.StatusBadRequest, "query_invalid", "A parameter is given twice, or has characters that are no text.")
			if cleanText(name) && len(name) < 64 {
				p.Field = name
			}
			return p
		}
	}
	return nil
}

func cleanText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// checkJSON refuses what Go's decoder lets through and two readers may understand differently: members that stand there twice, or in another
// case; broken UTF-8; NUL, which PostgreSQL does not store; a second document. The names inside "custom" are the operator's own, those inside
// "jwks" RFC 7517's, and those inside "schema" a JSON Schema's.
func checkJSON(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("it is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := checkValue(decoder, 0, false); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON text")
	}
	return nil
}

func checkValue(decoder *json.Decoder, depth int, free bool) error {
	token, err := decoder.Token()
	if err != nil {
		return errors.New("it is no JSON")
	}
	if depth > maxDepth {
		return fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	switch t := token.(type) {
	case string:
		if strings.ContainsRune(t, 0) {
			return errors.New("a text has the character NUL in it")
		}
	case json.Delim:
		seen := map[string]bool{}
		for decoder.More() {
			inner := free
			if t == '{' {
				name, err := decoder.Token()
				if err != nil {
					return errors.New("it is no JSON")
				}
				key := name.(string)
				switch {
				case seen[key]:
					return fmt.Errorf("the member %.64q stands there twice", key)
				case strings.ContainsRune(key, 0):
					return errors.New("a member's name has the character NUL in it")
				case !free && key != strings.ToLower(key):
					return fmt.Errorf("there is no member %.64q: every member is in lower case", key)
				}
				seen[key] = true
				inner = free || key == "custom" || key == "localized" || key == "jwks" || key == "schema" // names of the operator's own; client_name#de-CH; x5t#S256
			}
			if err := checkValue(decoder, depth+1, inner); err != nil {
				return err
			}
		}
		if _, err := decoder.Token(); err != nil {
			return errors.New("it is no JSON")
		}
	}
	return nil
}
