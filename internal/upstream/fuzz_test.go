package upstream

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func FuzzPrecheckIDToken(f *testing.F) { // SEC-17
	b := base64.RawURLEncoding.EncodeToString
	for _, s := range []string{
		b([]byte(`{"alg":"ES256","kid":"1"}`)) + "." + b([]byte(`{"iss":"i","sub":"s","aud":["c"],"azp":"c","nonce":"n","iat":1000,"exp":2000}`)) + ".c2ln",
		b([]byte(`{"alg":"none"}`)) + "." + b([]byte(`{}`)) + ".",
		b([]byte(`{"alg":"ES256","alg":"none"}`)) + "." + b([]byte(`{"sub":1,"aud":null}`)) + ".",
		"..", "", strings.Repeat(".", 9), b([]byte(`[[[[`)) + ".e30.",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		claims, err := precheckIDToken(raw, []string{"ES256"})
		if err != nil {
			if len(err.Error()) > 2*maxLogText+200 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
			return
		}
		// What passed has one reading: the standard library's must be the same set of members.
		body, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(body, &all); err != nil || len(all) != len(claims) || !utf8.Valid(body) {
			t.Errorf("got %d members, %v, want %d", len(all), err, len(claims))
		}
		facts := idTokenFacts{issuer: "i", clientID: "c", nonce: "n", now: time.Unix(1000, 0)}
		if checkIDToken(claims, facts) == nil {
			if all["iss"] != "i" || all["nonce"] != "n" || all["sub"] == "" || all["sub"] == nil {
				t.Errorf("accepted %v", all)
			}
			if exp, ok := all["exp"].(float64); !ok || exp < 1001 {
				t.Errorf("accepted exp %v", all["exp"])
			}
		}
	})
}

func FuzzCallback(f *testing.F) {
	for _, s := range []string{
		"code=a&state=b&iss=https%3A%2F%2Fi", "error=access_denied&error_description=%00%ff", "code=a&code=b", "", "state=%ed%a0%80&code=" + strings.Repeat("x", 9000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if s, err := State(values); err == nil && (s == "" || len(s) > maxState || values.Get("state") != s) {
			t.Errorf("accepted state %q", s)
		}
		cb, err := parseCallback(values)
		if err != nil {
			return
		}
		if cb.code == "" && cb.err == "" || len(cb.code) > maxCode || len(values["code"]) > 1 || len(values["iss"]) > 1 {
			t.Errorf("accepted %q", query)
		}
		e := answeredError("Name", cb)
		if text := e.Err.Error(); len(text) > 8*maxLogText || strings.ContainsAny(text, "\r\n\x00\x1b") || !utf8.ValidString(text) {
			t.Errorf("log text %q", text)
		}
		if strings.ContainsAny(e.Message, "<>") {
			t.Errorf("message %q", e.Message)
		}
	})
}
