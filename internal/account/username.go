package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"idp/internal/idp"
)

// reservedNames speak for the service, so no upstream may hand them out (PS-7), and nobody may choose one. An operator may: he speaks for it.
const reservedNames = " admin administrator root system support security help info abuse postmaster webmaster hostmaster noreply no-reply idp moderator operator staff "

const (
	usernameRoom  = 60 // of 64, so that a number fits behind
	usernameTries = 20
)

// suggestUsername makes a username of whatever an upstream calls somebody, or "" if nothing of it can be one. Letters of any script stay;
// what a username may not have is left out, and of an address the part before the @ is taken.
func suggestUsername(preferred string) string {
	preferred, _, _ = strings.Cut(norm.NFKC.String(preferred), "@")
	var b strings.Builder
	n := 0
	for _, r := range preferred {
		if n == usernameRoom {
			break
		}
		if r == ' ' {
			r = '.'
		}
		// Two letters, so that the one in question stands where signs are allowed too.
		if _, ok := idp.CanonicalUsername("a" + string(r)); !ok {
			continue
		}
		if n == 0 && strings.ContainsRune("._-", r) {
			continue
		}
		b.WriteRune(r)
		n++
	}
	name := strings.TrimRight(b.String(), "._-")
	if _, ok := idp.CanonicalUsername(name); !ok {
		return ""
	}
	return name
}

// freeUsername returns a username that nobody has, close to what the upstream prefers, or "" if there is none: a username is a
// courtesy, never a reason to refuse somebody. It is a suggestion only; nothing is ever found by an upstream's name (SEC-15).
func (s *Service) freeUsername(ctx context.Context, preferred string) (string, error) {
	base := suggestUsername(preferred)
	if base == "" {
		return "", nil
	}
	for i := range usernameTries {
		name := base
		if i > 0 {
			name = fmt.Sprintf("%s%d", base, i+1)
		}
		canonical, ok := idp.CanonicalUsername(name)
		if !ok || reservedName(canonical) || !oneScript(canonical) { // the person chose it there: FS-12 holds as for one that is chosen here
			continue
		}
		free, err := s.nobodys(ctx, name, canonical)
		if free || err != nil {
			return name, err
		}
	}
	return "", nil
}

// nobodys reports whether nobody is found by a username, in its one form, and nobody's sub reads like it.
func (s *Service) nobodys(ctx context.Context, name, canonical string) (bool, error) {
	for _, sub := range []string{name, canonical} {
		if _, err := s.Store.UserBySubOrIdentifier(ctx, sub, canonical); !errors.Is(err, idp.ErrNotFound) {
			return false, err
		}
	}
	return true, nil
}

// reservedName reports whether a name speaks for the service, or looks like a user's id: applications know people by those, and name them so.
func reservedName(canonical string) bool {
	_, id := idp.DecodeID(canonical)
	return id || strings.Contains(reservedNames, " "+canonical+" ")
}

// checkOwnUsername refuses what somebody may not choose for themselves: a name that speaks for the service, and letters of several scripts, with which
// one account's name can be made to look like another's (FS-12).
func checkOwnUsername(name string) error {
	if name == "" {
		return nil
	}
	canonical, _ := idp.CanonicalUsername(name)
	if reservedName(canonical) {
		return &idp.Error{Kind: idp.Conflict, Code: CodeUsernameTaken, Field: "username", Message: "This username belongs to the service. Choose another one."}
	}
	if !oneScript(canonical) {
		return idp.Invalidf("username", "The username mixes letters of different scripts, which makes it look like another one. Use the letters of one script.")
	}
	return nil
}

// oneScript reports whether the letters of a name are of one script, or of several that belong together. Digits and signs are of every script.
func oneScript(name string) bool {
	var scripts []string
	for _, r := range name {
		if s := scriptOf(r); s != "" && !slices.Contains(scripts, s) {
			scripts = append(scripts, s)
		}
	}
	// Scripts that one language writes side by side (UTS #39 §5.1, without Latin beside them).
	together := [][]string{{"Han", "Hiragana", "Katakana"}, {"Han", "Hangul"}, {"Han", "Bopomofo"}}
	return len(scripts) < 2 || slices.ContainsFunc(together, func(set []string) bool {
		return !slices.ContainsFunc(scripts, func(s string) bool { return !slices.Contains(set, s) })
	})
}

// scriptOf returns the name of a letter's script, "" for what belongs to none or to all.
func scriptOf(r rune) string {
	switch {
	case r < 0x80 && unicode.IsLetter(r):
		return "Latin"
	case r < 0x80 || unicode.In(r, unicode.Common, unicode.Inherited):
		return ""
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return ""
}
