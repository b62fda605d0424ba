package registration

import (
	"encoding/json"

	"idp/internal/untrusted"
)

const (
	maxDocument = 64 << 10 // bytes of a registration
	maxDepth    = 16
	maxMembers  = 2000 // members and elements in all
)

// readMembers reads a JSON object that an outsider wrote.
func readMembers(body []byte, most int) (map[string]json.RawMessage, error) {
	members, err := untrusted.Object(body, untrusted.Bounds{Bytes: most, Depth: maxDepth, Members: maxMembers})
	if err != nil {
		return nil, err
	}
	for name, raw := range members {
		if string(raw) == "null" { // RFC 7592 §2.2: as if it were not there
			delete(members, name)
		}
	}
	return members, nil
}
