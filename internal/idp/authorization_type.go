package idp

import (
	"encoding/json"
	"time"
)

// AuthorizationType is a type of authorization details that an operator allows applications to ask for (RFC 9396 §2): what it is called, and the JSON
// schema that every detail of it fits.
type AuthorizationType struct {
	Name      string
	Title     string          // what people see; the name if it is empty
	Schema    json.RawMessage // JSON Schema, of the whole detail with its member type
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Shown returns what people see.
func (t *AuthorizationType) Shown() string {
	if t.Title != "" {
		return t.Title
	}
	return t.Name
}

// ValidAuthorizationType reports whether a type may have the name: one word of ASCII, such as payment_initiation or a URI.
func ValidAuthorizationType(name string) bool { return isScopeToken(name) && len(name) <= 128 }

// ValidTitle reports whether people may be shown the text.
func ValidTitle(title string) bool { return title == "" || isShownName(title) }
