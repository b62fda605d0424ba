package idp

import (
	"encoding/base32"

	"github.com/google/uuid"
)

// idEncoding is base32hex in lower case: its letters sort like the bytes they stand for, so ids sort by time.
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// NewID returns a new identifier: 26 lower-case letters and digits, unique, ordered by time of creation to the
// millisecond. It is not a secret. Safe for concurrent use.
func NewID() string {
	u := uuid.Must(uuid.NewV7())
	return idEncoding.EncodeToString(u[:])
}
