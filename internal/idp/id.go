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
	return EncodeID(u[:])
}

// EncodeID writes the 16 bytes of an identifier, or the first few of them, in which case the text sorts before every identifier that
// begins with them.
func EncodeID(b []byte) string { return idEncoding.EncodeToString(b) }

// DecodeID returns the bytes of an identifier. ok is false for what NewID cannot have made.
func DecodeID(id string) (b [16]byte, ok bool) {
	if len(id) != idEncoding.EncodedLen(len(b)) {
		return b, false
	}
	n, err := idEncoding.Decode(b[:], []byte(id))
	// The last letter carries two spare bits: only the canonical spelling is an identifier.
	return b, err == nil && n == len(b) && EncodeID(b[:]) == id
}
