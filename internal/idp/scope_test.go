package idp_test

import (
	"slices"
	"testing"

	"idp/internal/idp"
)

func TestRequestedScopes_AreSortedOnceOrAllOfTheClient(t *testing.T) { // RFC 6749 §3.3
	t.Parallel()
	c := &idp.Client{Scopes: []string{"openid", "api", "offline_access"}}
	for parameter, want := range map[string][]string{
		"openid api openid": {"api", "openid"},
		"offline_access":    {"offline_access"},
		"other":             {"other"}, // whether the client may have it is decided elsewhere
		"":                  {"openid", "api"},
		" ":                 {"openid", "api"},
	} {
		if got := c.RequestedScopes(parameter); !slices.Equal(got, want) {
			t.Errorf("RequestedScopes(%q): got %v, want %v", parameter, got, want)
		}
	}
	if !slices.Equal(c.Scopes, []string{"openid", "api", "offline_access"}) {
		t.Errorf("the client's own list was changed to %v", c.Scopes)
	}
}
