package secret

import "strings"

const maxHashText = 2048

// storedHash is a hash text that was understood and whose cost is within bounds.
type storedHash struct {
	family string
	cost   string // of own hashes: compared to know whether parameters have changed
	own    bool   // in a form that Hash writes
	memory int64  // bytes that match will use
	lanes  int    // threads that match will use
	match  func(password []byte) bool
}

// parseHash understands every hash text this program verifies, by how it begins.
func parseHash(text string) (storedHash, error) {
	if text == "" {
		return storedHash{}, refused("the hash is empty")
	}
	if len(text) > maxHashText {
		return storedHash{}, refused("the hash is longer than %d letters", maxHashText)
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return storedHash{}, refused("the hash contains a space, a line end or another letter that no hash has: export it again")
		}
	}
	for _, form := range []struct {
		start string
		parse func(string) (storedHash, error)
	}{
		{"$argon2id$", parseArgon2},
		{"$argon2i$", parseArgon2},
		{"$2a$", parseBcrypt},
		{"$2b$", parseBcrypt},
		{"$2y$", parseBcrypt},
		{"$bcrypt-sha256$", parseBcryptSHA256},
		{"$pbkdf2$", parsePasslibPBKDF2},
		{"$pbkdf2-", parsePasslibPBKDF2},
		{"$scrypt$", parsePHCScrypt},
		{"$5$", parseSHACrypt},
		{"$6$", parseSHACrypt},
		{"$y$", parseYescrypt},
		{"$firescrypt$", parseFirebase},
		{"scrypt:", parseWerkzeug},
		{"pbkdf2:", parseWerkzeug},
		{"pbkdf2_sha", parseDjangoPBKDF2},
		{"bcrypt_sha256$", parseDjangoBcryptSHA256},
		{argon2Django, inDjango(argon2Django, parseArgon2)},
		{bcryptDjango, inDjango(bcryptDjango, parseBcrypt)},
		{"scrypt$", parseScryptDollar},
		{"{", parseLDAP},
	} {
		if strings.HasPrefix(text, form.start) {
			return form.parse(text)
		}
	}
	return storedHash{}, refused("no supported kind of hash begins like this one: the user must set a new password")
}

// inDjango reads a hash behind Django's name of the algorithm.
func inDjango(prefix string, parse func(string) (storedHash, error)) func(string) (storedHash, error) {
	return func(text string) (storedHash, error) {
		inner := strings.TrimPrefix(text, prefix)
		if prefix == argon2Django {
			inner = "$" + inner
		}
		if !strings.HasPrefix(inner, "$argon2i") && !strings.HasPrefix(inner, "$2") {
			return storedHash{}, errMalformed("Django")
		}
		h, err := parse(inner)
		h.family, h.own = familyDjango, false
		return h, err
	}
}

// parseScryptDollar tells Django's scrypt from Werkzeug's scrypt without parameters, by the number of parts.
func parseScryptDollar(text string) (storedHash, error) {
	if strings.Count(text, "$") == 2 {
		return parseWerkzeug(text)
	}
	return parseDjangoScrypt(text)
}
