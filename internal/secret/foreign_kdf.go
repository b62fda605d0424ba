package secret

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/scrypt"
)

const (
	maxPBKDF2Iterations = 2_000_000
	maxScryptMemory     = 256 << 20
	maxScryptWork       = 1 << 22 // N·r·p: about a second
	smallMemory         = 64 << 10
)

func hashFunc(name string) (func() hash.Hash, int) {
	switch name {
	case "sha1":
		return sha1.New, sha1.Size
	case "sha256":
		return sha256.New, sha256.Size
	case "sha512":
		return sha512.New, sha512.Size
	}
	return nil, 0
}

func pbkdf2Hash(family, name, iterations string, salt, key []byte) (storedHash, error) {
	h, size := hashFunc(name)
	if h == nil {
		return storedHash{}, refused("PBKDF2 is supported with sha1, sha256 and sha512 only")
	}
	n, err := strconv.Atoi(iterations)
	if err != nil || len(key) != size || len(salt) == 0 {
		return storedHash{}, errMalformed("PBKDF2")
	}
	if n < 1 || n > maxPBKDF2Iterations {
		return storedHash{}, refused("this PBKDF2 hash asks for %d iterations, but 1 to %d are allowed", n, maxPBKDF2Iterations)
	}
	return storedHash{family: family, memory: smallMemory, lanes: 1, match: func(password []byte) bool {
		got, err := pbkdf2.Key(h, string(password), salt, n, len(key))
		return err == nil && subtle.ConstantTimeCompare(got, key) == 1
	}}, nil
}

func scryptHash(family string, n, r, p int, salt, key []byte) (storedHash, error) {
	if n < 2 || n&(n-1) != 0 || r < 1 || p < 1 || len(key) < 16 || len(salt) == 0 {
		return storedHash{}, errMalformed("scrypt")
	}
	// The bounds come one by one, so that no product can overflow.
	if n > 1<<22 || r > 1<<10 || p > 1<<8 || 128*n*r > maxScryptMemory || n*r*p > maxScryptWork {
		return storedHash{}, refused("this scrypt hash costs too much: at most %d MiB (128·N·r) and N·r·p of %d are allowed", maxScryptMemory>>20, maxScryptWork)
	}
	return storedHash{family: family, memory: int64(128*n*r + 128*r*p), lanes: 1, match: func(password []byte) bool {
		got, err := scrypt.Key(password, salt, n, r, p, len(key))
		return err == nil && subtle.ConstantTimeCompare(got, key) == 1
	}}, nil
}

// parsePasslibPBKDF2 reads $pbkdf2$, $pbkdf2-sha256$ and $pbkdf2-sha512$, in passlib's base64 ('.' for '+', no padding).
func parsePasslibPBKDF2(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 5 {
		return storedHash{}, errMalformed("PBKDF2")
	}
	name := "sha1"
	if suffix, found := strings.CutPrefix(parts[1], "pbkdf2-"); found {
		name = suffix
	}
	salt, okSalt := decodeBase64(base64.RawStdEncoding, strings.ReplaceAll(parts[3], ".", "+"), 1, 1024)
	key, okKey := decodeBase64(base64.RawStdEncoding, strings.ReplaceAll(parts[4], ".", "+"), 1, 64)
	if !okSalt || !okKey {
		return storedHash{}, errMalformed("PBKDF2")
	}
	family := familyPasslib
	if name == "sha512" {
		family = familyPBKDF2SHA512
	}
	return pbkdf2Hash(family, name, parts[2], salt, key)
}

// parseDjangoPBKDF2 reads pbkdf2_sha256$iterations$salt$key and pbkdf2_sha1$…; the salt is text.
func parseDjangoPBKDF2(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 4 {
		return storedHash{}, errMalformed("Django PBKDF2")
	}
	key, ok := decodeBase64(base64.StdEncoding, parts[3], 1, 64)
	if !ok {
		return storedHash{}, errMalformed("Django PBKDF2")
	}
	return pbkdf2Hash(familyDjango, strings.TrimPrefix(parts[0], "pbkdf2_"), parts[1], []byte(parts[2]), key)
}

// parseDjangoScrypt reads scrypt$N$salt$r$p$key.
func parseDjangoScrypt(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 {
		return storedHash{}, errMalformed("Django scrypt")
	}
	numbers, okNumbers := atois(parts[1], parts[3], parts[4])
	key, okKey := decodeBase64(base64.StdEncoding, parts[5], 16, 64)
	if !okNumbers || !okKey {
		return storedHash{}, errMalformed("Django scrypt")
	}
	return scryptHash(familyDjango, numbers[0], numbers[1], numbers[2], []byte(parts[2]), key)
}

// parseWerkzeug reads scrypt:N:r:p$salt$hex and pbkdf2:hash:iterations$salt$hex; the salt is text. Without parameters the
// cost was that of the Werkzeug version of the day, so these are refused, but for scrypt, whose default never changed.
func parseWerkzeug(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 3 {
		return storedHash{}, errMalformed("Werkzeug")
	}
	method := strings.Split(parts[0], ":")
	key, err := hex.DecodeString(parts[2])
	if err != nil {
		return storedHash{}, errMalformed("Werkzeug")
	}
	salt := []byte(parts[1])
	switch {
	case method[0] == "scrypt" && len(method) == 1:
		return scryptHash(familyWerkzeug, 1<<15, 8, 1, salt, key)
	case method[0] == "scrypt" && len(method) == 4:
		numbers, ok := atois(method[1:]...)
		if !ok {
			return storedHash{}, errMalformed("Werkzeug")
		}
		return scryptHash(familyWerkzeug, numbers[0], numbers[1], numbers[2], salt, key)
	case method[0] == "pbkdf2" && len(method) == 3:
		return pbkdf2Hash(familyWerkzeug, method[1], method[2], salt, key)
	case method[0] == "pbkdf2":
		return storedHash{}, refused("this Werkzeug hash does not say its iterations: write them into it, as in pbkdf2:sha256:150000")
	}
	return storedHash{}, errMalformed("Werkzeug")
}

// parsePHCScrypt reads $scrypt$ln=…,r=…,p=…$salt$key, as passlib writes it.
func parsePHCScrypt(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 5 {
		return storedHash{}, errMalformed("scrypt")
	}
	ln, r, p, ok := scryptParams(parts[2])
	salt, okSalt := decodeBase64(base64.RawStdEncoding, parts[3], 1, 1024)
	key, okKey := decodeBase64(base64.RawStdEncoding, parts[4], 16, 64)
	if !ok || !okSalt || !okKey {
		return storedHash{}, errMalformed("scrypt")
	}
	return scryptHash(familyPasslib, 1<<ln, r, p, salt, key)
}

func scryptParams(text string) (ln, r, p int, ok bool) {
	fields := strings.Split(text, ",")
	if len(fields) != 3 {
		return 0, 0, 0, false
	}
	for i, name := range []string{"ln=", "r=", "p="} {
		value, found := strings.CutPrefix(fields[i], name)
		if !found {
			return 0, 0, 0, false
		}
		fields[i] = value
	}
	numbers, ok := atois(fields...)
	if !ok || numbers[0] < 1 || numbers[0] > 30 {
		return 0, 0, 0, false
	}
	return numbers[0], numbers[1], numbers[2], true
}

func atois(texts ...string) ([]int, bool) {
	numbers := make([]int, len(texts))
	for i, text := range texts {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return nil, false
		}
		numbers[i] = int(n)
	}
	return numbers, true
}

// decodeBase64 does not insist on zero spare bits: foreign encoders are not all canonical.
func decodeBase64(encoding *base64.Encoding, text string, least, most int) ([]byte, bool) {
	b, err := encoding.DecodeString(text)
	return b, err == nil && len(b) >= least && len(b) <= most
}
