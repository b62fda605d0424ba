package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Params are the cost of Argon2id (RFC 9106 §3.1).
type Params struct {
	MemoryKiB   uint32
	Iterations  uint32
	Parallelism uint8
}

// defaultParams returns OWASP's first choice: 19 MiB, two passes, one lane; about 25 ms of one core.
func defaultParams() Params { return Params{MemoryKiB: 19456, Iterations: 2, Parallelism: 1} }

// Caps on what a stored hash may ask for: whoever can write one must not be able to take the machine.
const (
	maxArgon2KiB  = 256 << 10
	maxArgon2Time = 10
	maxArgon2Lane = 16
)

const (
	argon2SaltSize = 16
	argon2TagSize  = 32
)

func (p Params) validate() error {
	switch {
	case p.Parallelism < 1 || p.Parallelism > maxArgon2Lane:
		return fmt.Errorf("argon2 parallelism is %d, but must be 1 to %d", p.Parallelism, maxArgon2Lane)
	case p.MemoryKiB < 8*uint32(p.Parallelism) || p.MemoryKiB > maxArgon2KiB:
		return fmt.Errorf("argon2 memory is %d KiB, but must be %d (8 a lane) to %d", p.MemoryKiB, 8*uint32(p.Parallelism), maxArgon2KiB)
	case p.Iterations < 1 || p.Iterations > maxArgon2Time:
		return fmt.Errorf("argon2 iterations are %d, but must be 1 to %d", p.Iterations, maxArgon2Time)
	}
	return nil
}

func (p Params) String() string {
	return fmt.Sprintf("m=%d,t=%d,p=%d", p.MemoryKiB, p.Iterations, p.Parallelism)
}

func (p Params) hash(password []byte) string {
	salt := make([]byte, argon2SaltSize)
	rand.Read(salt)
	return p.encode(salt, argon2.IDKey(password, salt, p.Iterations, p.MemoryKiB, p.Parallelism, argon2TagSize))
}

func (p Params) encode(salt, tag []byte) string {
	return fmt.Sprintf("$argon2id$v=19$%s$%s$%s", p, base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(tag))
}

// parseArgon2 reads $argon2id$v=19$m=…,t=…,p=…$salt$tag and the same with argon2i.
func parseArgon2(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 {
		return storedHash{}, errMalformed("argon2")
	}
	// The Go implementation knows version 0x13 alone; a text without a version means 0x10.
	if parts[2] != "v=19" {
		return storedHash{}, refused("this Argon2 hash has another version than 19 (0x13): the user must set a new password")
	}
	p, ok := parseArgon2Params(parts[3])
	if !ok {
		return storedHash{}, errMalformed("argon2")
	}
	if err := p.validate(); err != nil {
		return storedHash{}, refused("the cost of this hash is out of bounds: %v", err)
	}
	salt, okSalt := decodeBase64(base64.RawStdEncoding, parts[4], 8, 64)
	tag, okTag := decodeBase64(base64.RawStdEncoding, parts[5], 12, 128)
	if !okSalt || !okTag {
		return storedHash{}, errMalformed("argon2")
	}
	key := argon2.IDKey
	if parts[1] == "argon2i" {
		key = argon2.Key
	}
	h := storedHash{family: familyArgon2, memory: int64(p.MemoryKiB) << 10, lanes: int(p.Parallelism)}
	if parts[1] == "argon2id" {
		h.own = true
		h.cost = fmt.Sprintf("argon2id %s salt=%d tag=%d", p, len(salt), len(tag))
	}
	h.match = func(password []byte) bool {
		return subtle.ConstantTimeCompare(key(password, salt, p.Iterations, p.MemoryKiB, p.Parallelism, uint32(len(tag))), tag) == 1
	}
	return h, nil
}

func parseArgon2Params(text string) (Params, bool) {
	fields := strings.Split(text, ",")
	if len(fields) != 3 {
		return Params{}, false // keyid and data are refused: x/crypto takes neither secret nor associated data
	}
	var values [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		number, found := strings.CutPrefix(fields[i], name)
		bits := 32
		if name == "p=" {
			bits = 8
		}
		n, err := strconv.ParseUint(number, 10, bits)
		if !found || err != nil {
			return Params{}, false
		}
		values[i] = n
	}
	return Params{MemoryKiB: uint32(values[0]), Iterations: uint32(values[1]), Parallelism: uint8(values[2])}, true
}
