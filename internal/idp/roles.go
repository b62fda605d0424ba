package idp

import (
	"slices"
)

// RoleAdmin is the role of this server's own administrators. Every other role is an application's word, which this server keeps
// and passes on without a meaning of its own.
const RoleAdmin = "admin"

const (
	maxRoles    = 64
	maxRoleSize = 64
)

// HasRole reports whether the user has a role.
func (u *User) HasRole(role string) bool { return slices.Contains(u.Roles, role) }

// CanonicalRoles returns the roles sorted, each once, or an error of kind Invalid about the field "roles". A role is 1 to 64 ASCII
// letters, digits and any of "._:/-", beginning with a letter or digit: no space, so that a list of roles can be one claim.
func CanonicalRoles(roles []string) ([]string, error) {
	for _, r := range roles {
		if !validRole(r) {
			return nil, Invalidf("roles", "The role %.80q is not 1 to %d letters, digits, dots, colons, slashes, dashes and underscores that begin with a letter or digit.", r, maxRoleSize)
		}
	}
	list := slices.Compact(slices.Sorted(slices.Values(roles)))
	if len(list) > maxRoles {
		return nil, Invalidf("roles", "The user would have %d roles, but %d is the most: they travel in every token.", len(list), maxRoles)
	}
	return list, nil
}

func validRole(r string) bool {
	if r == "" || len(r) > maxRoleSize {
		return false
	}
	for i := range len(r) {
		c := r[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != ':' && c != '/' && c != '-') {
			return false
		}
	}
	return true
}
