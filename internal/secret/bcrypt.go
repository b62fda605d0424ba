package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	gocrypt "github.com/go-crypt/crypt/algorithm/bcrypt"
	"golang.org/x/crypto/bcrypt"
)

const (
	maxBcryptCost     = 16
	minBcryptCost     = 4  // of foreign hashes
	minNewBcryptCost  = 10 // of ours
	defaultBcryptCost = 12
	bcryptInput       = 72
	bcryptMemory      = 64 << 10
	bcryptLetters     = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	bcryptSHA256Start = "$bcrypt-sha256$v=2,t=2b,r="
)

// hashBcrypt writes passlib's bcrypt-sha256 version 2: bcrypt over base64(HMAC-SHA256(salt, password)). Plain bcrypt reads
// 72 bytes and would cut longer passwords; this form takes any length, has no NUL in its input, and keyed by the salt it
// cannot be attacked with other sites' plain SHA-256 dumps.
func hashBcrypt(password string, cost int) (string, error) {
	hasher, err := gocrypt.NewSHA256(gocrypt.WithIterations(cost))
	if err != nil {
		return "", fmt.Errorf("bcrypt with cost %d: %w", cost, err)
	}
	digest, err := hasher.Hash(password)
	if err != nil {
		return "", fmt.Errorf("hash with bcrypt: %w", err)
	}
	return digest.Encode(), nil
}

// bcryptNobody returns a well-formed hash that no password is known for.
func bcryptNobody(cost int) string {
	letters := make([]byte, 22+31)
	rand.Read(letters)
	for i, b := range letters {
		letters[i] = bcryptLetters[b%64]
	}
	letters[21] = 'u' // the last letter of 16 bytes has four spare bits
	return fmt.Sprintf("%s%d$%s$%s", bcryptSHA256Start, cost, letters[:22], letters[22:])
}

// parseBcrypt reads $2a$, $2b$ and $2y$, which differ in faults of old implementations that this one does not have. $2x$
// names hashes made with such a fault and is refused.
func parseBcrypt(text string) (storedHash, error) {
	if len(text) != 60 || text[:2] != "$2" || !strings.Contains("aby", text[2:3]) || text[3] != '$' || text[6] != '$' ||
		!onlyLetters(text[7:], bcryptLetters) {
		return storedHash{}, errMalformed("bcrypt")
	}
	if err := checkBcryptCost(text[4:6]); err != nil {
		return storedHash{}, err
	}
	hash := []byte(text)
	return storedHash{family: familyBcrypt, memory: bcryptMemory, lanes: 1, match: func(password []byte) bool {
		// The foreign system read 72 bytes, and so must we to accept what it accepted. It ends with the rehash at the first
		// sign-in: our own hashes cut nothing. The cut is ours because x/crypto refuses or cuts as its version pleases.
		if len(password) > bcryptInput {
			password = password[:bcryptInput]
		}
		return bcrypt.CompareHashAndPassword(hash, password) == nil
	}}, nil
}

// parseBcryptSHA256 reads what hashBcrypt writes, which is also passlib's bcrypt_sha256.
func parseBcryptSHA256(text string) (storedHash, error) {
	rest, found := strings.CutPrefix(text, bcryptSHA256Start)
	if !found {
		return storedHash{}, refused("only version 2 of bcrypt-sha256 is supported: the user must set a new password")
	}
	parts := strings.Split(rest, "$")
	if len(parts) != 3 || len(parts[1]) != 22 || len(parts[2]) != 31 || !onlyLetters(parts[1]+parts[2], bcryptLetters) {
		return storedHash{}, errMalformed("bcrypt-sha256")
	}
	if err := checkBcryptCost(parts[0]); err != nil {
		return storedHash{}, err
	}
	digest, err := gocrypt.Decode(text)
	if err != nil {
		return storedHash{}, errMalformed("bcrypt-sha256")
	}
	return storedHash{
		family: familyBcryptSHA256, memory: bcryptMemory, lanes: 1, own: true,
		cost:  "bcrypt-sha256 r=" + parts[0],
		match: digest.MatchBytes,
	}, nil
}

// parseDjangoBcryptSHA256 reads bcrypt_sha256$$2b$…: bcrypt over the hex SHA-256.
func parseDjangoBcryptSHA256(text string) (storedHash, error) {
	h, err := parseBcrypt(strings.TrimPrefix(text, "bcrypt_sha256$"))
	if err != nil {
		return storedHash{}, err
	}
	inner := h.match
	h.family = familyDjango
	h.match = func(password []byte) bool { return inner(sha256Hex(password)) }
	return h, nil
}

func sha256Hex(password []byte) []byte {
	sum := sha256.Sum256(password)
	return hex.AppendEncode(nil, sum[:])
}

func checkBcryptCost(text string) error {
	cost, err := strconv.Atoi(text)
	if err != nil {
		return errMalformed("bcrypt")
	}
	if cost < minBcryptCost || cost > maxBcryptCost {
		return refused("the cost of this bcrypt hash is %d, but must be %d to %d", cost, minBcryptCost, maxBcryptCost)
	}
	return nil
}

func onlyLetters(s, letters string) bool {
	return strings.Trim(s, letters) == "" // every letter trimmed away
}
