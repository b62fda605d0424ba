package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"idp/internal/idp"
)

// record is a user as an import or a seed file writes them: flat, in the words of the claims.
type record struct {
	Sub            string   `json:"sub"`
	Email          string   `json:"email"`
	EmailVerified  *bool    `json:"email_verified"`
	Username       string   `json:"username"`
	Password       string   `json:"password"`
	PasswordHash   string   `json:"password_hash"`
	PasswordScheme string   `json:"password_scheme"`
	State          string   `json:"state"`
	Roles          []string `json:"roles"`
	idp.Profile
}

func (r record) user() NewUser {
	return NewUser{
		Sub: r.Sub, Email: r.Email, EmailVerified: r.EmailVerified != nil && *r.EmailVerified, Username: r.Username,
		Password: r.Password, PasswordHash: r.PasswordHash, PasswordScheme: r.PasswordScheme,
		Profile: r.Profile, Roles: r.Roles, State: idp.UserState(r.State),
	}
}

// readRecord decodes one JSON object. A name that is unknown is a fault: a misspelt one would be lost without a word.
func readRecord(text []byte) (record, error) {
	var r record
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return record{}, recordFault(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return record{}, idp.Invalidf("", "There is more than one object on the line. Write one user on each line.")
	}
	return r, nil
}

// recordFault says what is wrong with a record without showing its values: one of them may be a password hash.
func recordFault(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return idp.Invalidf(kind.Field, "The value is a JSON %s, but %s is wanted.", kind.Value, jsonKind(kind.Type.Kind().String()))
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return idp.Invalidf("", "This is no JSON object. Write one user as {\"email\": …} on each line.")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = strings.Trim(name, `"`)
		return idp.Invalidf(name, "There is no field %.80q. Name the field it should go to in the column mapping, or map it to - to leave it out.", name)
	}
	return idp.Invalidf("", "The line cannot be read.")
}

func jsonKind(kind string) string {
	switch kind {
	case "bool":
		return "true or false"
	case "slice":
		return "a list"
	case "struct", "map", "ptr":
		return "an object"
	}
	return "a " + kind
}

// mapped renames the members of an object as the operator's mapping says; "-" leaves one out.
func mapped(text []byte, columns map[string]string) ([]byte, error) {
	if len(columns) == 0 {
		return text, nil
	}
	var in map[string]json.RawMessage
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, recordFault(err)
	}
	out := make(map[string]json.RawMessage, len(in))
	for name, value := range in {
		target, ok := columns[name]
		if !ok {
			target = name
		}
		if target == ignored {
			continue
		}
		if _, twice := out[target]; twice {
			return nil, idp.Invalidf(target, "Two fields of the line go to %s. Map one of them to - to leave it out.", target)
		}
		out[target] = value
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode a line: %w", err)
	}
	return b, nil
}
