package untrusted

import (
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// Texts is a claim that is one text or a list of them, as aud is (RFC 7519 §4.1.3).
type Texts struct {
	List  []string
	Alone bool // it came as a text, not as a list
}

// UnmarshalJSON reads both forms.
func (t *Texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		t.List, t.Alone = []string{one}, true
		return nil
	}
	t.Alone = false
	return json.Unmarshal(data, &t.List)
}

// Instant is the moment of a NumericDate, which may have a fraction (RFC 7519 §2). One beyond any calendar is the end of it.
func Instant(seconds float64) time.Time {
	const most = 1 << 40
	seconds = max(-most, min(most, seconds))
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*1e9)).UTC()
}
