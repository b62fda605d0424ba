package client

import (
	"encoding/json"
	"testing"
)

// FuzzSectorDocument: what lies at a sector_identifier_uri is a bounded list of texts, or nothing.
func FuzzSectorDocument(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		listed, ok := readSectorURIs(text)
		if !ok {
			return
		}
		var any []any
		if err := json.Unmarshal(text, &any); err != nil || len(any) != len(listed) || len(listed) > maxSectorURIs {
			t.Errorf("%q: %d addresses of %d values, %v", text, len(listed), len(any), err)
		}
	})
}
