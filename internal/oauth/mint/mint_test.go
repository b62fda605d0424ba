package mint

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// RP-6: client libraries refuse a list where one value is meant, and so one is a string; both are read.
func TestAudience_OneIsAString(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]audience{`"a"`: {"a"}, `["a","b"]`: {"a", "b"}} {
		b, err := json.Marshal(want)
		if err != nil || string(b) != text {
			t.Errorf("got %s %v, want %s", b, err, text)
		}
		var got audience
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v %v, want %v", text, got, err, want)
		}
	}
	for _, bad := range []string{`1`, `{}`, `[1]`} {
		var got audience
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s: got %v, want an error", bad, got)
		}
	}
}

func TestAccessToken_NamesItsAuthorization(t *testing.T) {
	t.Parallel()
	for jti, want := range map[string]string{"row.random": "row", "random": "", "": ""} {
		if got := (&AccessToken{JTI: jti}).AuthorizationID(); got != want {
			t.Errorf("%q: got %q, want %q", jti, got, want)
		}
	}
}

// The memory of verified tokens is bounded, ends with the token, and says nothing once the key is gone.
func TestVerified_IsBoundedAndJust(t *testing.T) {
	t.Parallel()
	v := newVerified()
	now := time.Unix(1000, 0)
	published, withdrawn := func(id string) bool { return id == "k" }, func(string) bool { return false }
	token := &AccessToken{Expires: 1001}
	v.put("t", "k", token)
	for name, c := range map[string]struct {
		text      string
		now       time.Time
		published func(string) bool
		want      *AccessToken
	}{
		"known":            {"t", now, published, token},
		"another":          {"u", now, published, nil},
		"a second later":   {"t", now.Add(time.Second), published, nil},
		"key withdrawn":    {"t", now, withdrawn, nil},
		"just before":      {"t", now.Add(999 * time.Millisecond), published, token},
		"a prefix of it":   {"", now, published, nil},
		"in another case":  {"T", now, published, nil},
		"before it's time": {"t", now.Add(-time.Hour), published, token},
	} {
		if got := v.get(c.text, c.now, c.published); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	for i := range 3 * verifiedMost {
		v.put(fmt.Sprint(i), "k", token)
		if len(v.tokens) > verifiedMost {
			t.Fatalf("got %d tokens in memory, want at most %d", len(v.tokens), verifiedMost)
		}
	}
}
