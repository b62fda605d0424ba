package account

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"idp/internal/idp"
)

func checkSub(sub string) error {
	if !idp.ValidSubject(sub) {
		return idp.Invalidf("sub", "The sub must have 1 to %d characters of ASCII, without spaces. Write it as the ID tokens of the other provider have it, or leave it out.", idp.MaxSubject)
	}
	return nil
}

// setEmail writes the one form of an address (FS-11); an empty one takes it away.
func setEmail(u *idp.User, email string) error {
	if email == "" {
		u.Email = ""
		return nil
	}
	canonical, ok := idp.CanonicalEmail(email)
	if !ok || !utf8.ValidString(email) {
		return idp.Invalidf("email", "%.80q is no e-mail address. Write it like name@example.com, without quotes, spaces or comments.", email)
	}
	u.Email = canonical
	return nil
}

// setUsername writes a username as it is shown; an empty one takes it away.
func setUsername(u *idp.User, name string) error {
	if name == "" {
		u.Username = ""
		return nil
	}
	if _, ok := idp.CanonicalUsername(name); !ok || !utf8.ValidString(name) || len(name) > 512 {
		return idp.Invalidf("username", "The username must have 2 to 64 letters, digits, dots, dashes and underscores, and begin with a letter or digit. It cannot look like an e-mail address.")
	}
	u.Username = norm.NFC.String(strings.TrimSpace(name))
	return nil
}

func setRoles(u *idp.User, roles []string) error {
	list, err := idp.CanonicalRoles(roles)
	if err != nil {
		return err
	}
	u.Roles = list
	return nil
}

func checkState(s idp.UserState) error {
	switch s {
	case idp.UserPending, idp.UserActive, idp.UserDisabled:
		return nil
	}
	return idp.Invalidf("state", "There is no state %.40q. Use %s, %s or %s.", string(s), idp.UserActive, idp.UserPending, idp.UserDisabled)
}
