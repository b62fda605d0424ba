package account

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"idp/internal/idp"
)

// reservedNames speak for the service, so no upstream may hand them out (PS-7). An operator may: he speaks for it.
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
		if !ok || strings.Contains(reservedNames, " "+canonical+" ") {
			continue
		}
		_, err := s.Store.UserByIdentifier(ctx, canonical)
		if errors.Is(err, idp.ErrNotFound) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}
