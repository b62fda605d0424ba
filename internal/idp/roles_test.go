package idp

import (
	"slices"
	"strings"
	"testing"
)

func TestCanonicalRoles_SortsAndRefuses(t *testing.T) {
	t.Parallel()
	many := make([]string, 65)
	for i := range many {
		many[i] = strings.Repeat("r", i%64+1) + string(rune('a'+i/64))
	}
	for _, c := range []struct {
		name  string
		roles []string
		want  []string
		bad   bool
	}{
		{name: "none", roles: nil, want: nil},
		{name: "sorted and once", roles: []string{"b", "admin", "b"}, want: []string{"admin", "b"}},
		{name: "an application's words", roles: []string{"Billing:read", "team/a.b-c_d"}, want: []string{"Billing:read", "team/a.b-c_d"}},
		{name: "empty", roles: []string{""}, bad: true},
		{name: "a space splits a claim", roles: []string{"a b"}, bad: true},
		{name: "control character", roles: []string{"a\nb"}, bad: true},
		{name: "begins with a sign", roles: []string{"-a"}, bad: true},
		{name: "too long", roles: []string{strings.Repeat("a", 65)}, bad: true},
		{name: "too many", roles: many, bad: true},
	} {
		got, err := CanonicalRoles(c.roles)
		if c.bad {
			if KindOf(err) != Invalid {
				t.Errorf("%s: got error %v, want one of kind Invalid", c.name, err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestUser_HasRole(t *testing.T) {
	t.Parallel()
	u := &User{Roles: []string{"admins", "ops"}}
	if u.HasRole(RoleAdmin) {
		t.Error("the role admins was taken for admin")
	}
	if !u.HasRole("ops") {
		t.Error("the role ops was not found")
	}
}
