package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"

	gocryptscrypt "github.com/go-crypt/crypt/algorithm/scrypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"golang.org/x/crypto/scrypt"
)

const (
	cryptLetters       = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	minSHACryptRounds  = 1000 // below it, crypt(3) raises the number silently
	maxSHACryptRounds  = 1_000_000
	sha256CryptKey     = 43
	sha512CryptKey     = 86
	maxSHACryptSalt    = 16
	yescryptKey        = 43
	maxYescryptSalt    = 86
	maxLDAPSalt        = 64
	firebaseKeyLetters = 1024
)

// parseSHACrypt reads $5$ and $6$ of crypt(3), with or without rounds=.
func parseSHACrypt(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) == 5 {
		number, found := strings.CutPrefix(parts[2], "rounds=")
		rounds, err := strconv.Atoi(number)
		if !found || err != nil {
			return storedHash{}, errMalformed("SHA-crypt")
		}
		if rounds < minSHACryptRounds || rounds > maxSHACryptRounds {
			return storedHash{}, refused("this SHA-crypt hash asks for %d rounds, but %d to %d are allowed", rounds, minSHACryptRounds, maxSHACryptRounds)
		}
		parts = append(parts[:2], parts[3:]...)
	}
	keySize := sha256CryptKey
	if parts[1] == "6" {
		keySize = sha512CryptKey
	}
	if len(parts) != 4 || parts[2] == "" || len(parts[2]) > maxSHACryptSalt || len(parts[3]) != keySize || !onlyLetters(parts[2]+parts[3], cryptLetters) {
		return storedHash{}, errMalformed("SHA-crypt")
	}
	digest, err := shacrypt.Decode(text)
	if err != nil {
		return storedHash{}, errMalformed("SHA-crypt")
	}
	return storedHash{family: familyCrypt, memory: smallMemory, lanes: 1, match: digest.MatchBytes}, nil
}

// parseYescrypt reads $y$j<N><r>$salt$key, the form that libxcrypt writes and /etc/shadow holds today.
func parseYescrypt(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 5 || len(parts[2]) != 3 || parts[2][0] != 'j' || len(parts[3]) > maxYescryptSalt || len(parts[4]) != yescryptKey ||
		parts[3] == "" || !onlyLetters(parts[2]+parts[3]+parts[4], cryptLetters) {
		return storedHash{}, errMalformed("yescrypt (with its default flavour)")
	}
	ln := strings.IndexByte(cryptLetters, parts[2][1]) + 1
	r := strings.IndexByte(cryptLetters, parts[2][2]) + 1
	if ln < 10 || ln > 18 || r > 32 || int64(128*r)<<ln > maxScryptMemory {
		return storedHash{}, refused("this yescrypt hash is out of bounds: N must be 2^10 to 2^18, and it may use %d MiB at most", maxScryptMemory>>20)
	}
	digest, err := gocryptscrypt.Decode(text)
	if err != nil {
		return storedHash{}, errMalformed("yescrypt")
	}
	return storedHash{family: familyCrypt, memory: int64(128*r) << ln, lanes: 1, match: digest.MatchBytes}, nil
}

// parseLDAP reads {SSHA}, {SSHA256} and {SSHA512}: base64 of the digest and the salt behind it. {CRYPT} holds any hash of
// crypt(3). One SHA round is no protection, so these exist to be replaced at the first sign-in.
func parseLDAP(text string) (storedHash, error) {
	name, body, found := strings.Cut(text[1:], "}")
	if !found {
		return storedHash{}, errMalformed("LDAP")
	}
	var newHash func() hash.Hash
	switch strings.ToUpper(name) {
	case "SSHA":
		newHash = sha1.New
	case "SSHA256":
		newHash = sha256.New
	case "SSHA512":
		newHash = sha512.New
	case "CRYPT":
		if !strings.HasPrefix(body, "$") {
			return storedHash{}, refused("DES crypt is not supported: the user must set a new password")
		}
		h, err := parseHash(body)
		h.family, h.own = familyLDAP, false
		return h, err
	default:
		return storedHash{}, refused("of LDAP's schemes, SSHA, SSHA256, SSHA512 and CRYPT are supported")
	}
	size := newHash().Size()
	raw, ok := decodeBase64(base64.StdEncoding, body, size+1, size+maxLDAPSalt)
	if !ok {
		return storedHash{}, errMalformed("LDAP")
	}
	return storedHash{family: familyLDAP, memory: smallMemory, lanes: 1, match: func(password []byte) bool {
		h := newHash()
		h.Write(password)
		h.Write(raw[size:])
		return subtle.ConstantTimeCompare(h.Sum(nil), raw[:size]) == 1
	}}, nil
}

// parseFirebase reads $firescrypt$ln=…,r=…,p=1$salt$hash$salt separator$signer key, each in padded base64, as other
// identity servers write Firebase's modified scrypt: the signer key encrypted under the scrypt key.
func parseFirebase(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 7 {
		return storedHash{}, errMalformed("Firebase scrypt")
	}
	ln, r, p, ok := scryptParams(parts[2])
	var raw [4][]byte
	for i, text := range parts[3:] {
		b, okPart := decodeBase64(base64.StdEncoding, text, 0, firebaseKeyLetters)
		raw[i], ok = b, ok && okPart
	}
	salt, want, separator, signer := raw[0], raw[1], raw[2], raw[3]
	if !ok || len(want) < 32 || len(want) != len(signer) {
		return storedHash{}, errMalformed("Firebase scrypt")
	}
	salt = append(salt, separator...)
	h, err := scryptHash(familyFirebase, 1<<ln, r, p, salt, want)
	if err != nil {
		return storedHash{}, err
	}
	h.match = func(password []byte) bool {
		key, err := scrypt.Key(password, salt, 1<<ln, r, p, 32)
		if err != nil {
			return false
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return false
		}
		got := make([]byte, len(signer))
		cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(got, signer)
		return subtle.ConstantTimeCompare(got, want) == 1
	}
	return h, nil
}
