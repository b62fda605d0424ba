package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"

	"idp/internal/idp"
)

// TokenKind is the readable part of a token. It is under the MAC: a token of one kind is never taken for another.
type TokenKind string

// The kinds of token.
const (
	TokenCode     TokenKind = "ac" // authorization code
	TokenRefresh  TokenKind = "rt" // refresh token
	TokenAccess   TokenKind = "at" // opaque access token
	TokenSession  TokenKind = "st" // browser session
	TokenRemember TokenKind = "rm" // remembered device
	TokenBrowser  TokenKind = "br" // binding of an interaction to its browser
	TokenOnce     TokenKind = "ot" // one-time link: reset, verification, invitation
	TokenInitial  TokenKind = "ia" // initial access token: lets an application register itself
	TokenManage   TokenKind = "ra" // registration access token: lets an application change its registration
	TokenPushed   TokenKind = "pr" // request_uri of a pushed authorization request
	TokenDevice   TokenKind = "dc" // device code
	TokenAuthReq  TokenKind = "ar" // auth_req_id of a back-channel authentication
)

const (
	tokenIDSize     = 16
	tokenRandomSize = 32 // FAPI 2.0 Security Profile §5.4.1: 16 at least
	tokenMACSize    = 16
	tokenRawSize    = tokenIDSize + tokenRandomSize + tokenMACSize
	tokenBodySize   = 86 // base64url of tokenRawSize bytes, unpadded
	tokenPrefix     = "idp_"
)

// Token is an opaque token: "idp_<kind>_" and base64url of the row's id, 32 random bytes and a MAC. Only ID and Digest
// are stored.
type Token struct {
	Text   string // the secret itself, for its holder
	ID     string // of the row it opens
	Digest []byte // SHA-256 of Text
}

// String names the token's row without the token.
func (t Token) String() string { return "token of " + t.ID + " " + redactedText }

// GoString names the token's row without the token, for %#v.
func (t Token) GoString() string { return t.String() }

// LogValue names the token's row without the token, for slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText names the token's row without the token, for encoders.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// NewToken returns a fresh token for the row id, which must come from idp.NewID: anything else is a fault of the program,
// and panics.
func (k *Keyring) NewToken(kind TokenKind, id string) Token {
	row, ok := idp.DecodeID(id)
	if !ok {
		panic(fmt.Sprintf("secret: token for %q, which is no idp id", id))
	}
	var raw [tokenRawSize]byte
	copy(raw[:], row[:])
	rand.Read(raw[tokenIDSize : tokenIDSize+tokenRandomSize])
	mac := k.tokens[0].sum(string(kind), ":", string(raw[:tokenIDSize+tokenRandomSize]))
	copy(raw[tokenIDSize+tokenRandomSize:], mac[:tokenMACSize])
	text := tokenPrefix + string(kind) + "_" + base64.RawURLEncoding.EncodeToString(raw[:])
	return Token{Text: text, ID: id, Digest: Digest(text)}
}

// ParseToken reads a token of this kind that a key of this ring made. Length, prefix and MAC are checked here, so that
// guesses cost no query and no row is ever looked up by an outsider's bytes. It says nothing about whether the token is
// still good: the row does.
func (k *Keyring) ParseToken(kind TokenKind, text string) (Token, bool) {
	if len(text) != len(tokenPrefix)+len(kind)+1+tokenBodySize {
		return Token{}, false
	}
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return Token{}, false
	}
	body, ok := strings.CutPrefix(rest[len(kind):], "_")
	if !ok || rest[:len(kind)] != string(kind) {
		return Token{}, false
	}
	var raw [tokenRawSize]byte
	// Strict, and all 64 bytes: each token has one spelling (the decoder skips line ends, and then falls short).
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(body))
	if err != nil || n != tokenRawSize {
		return Token{}, false
	}
	signed, mac := string(raw[:tokenIDSize+tokenRandomSize]), raw[tokenIDSize+tokenRandomSize:]
	match := 0
	for _, state := range k.tokens { // all of them, so that the time does not tell which key made it
		want := state.sum(string(kind), ":", signed)
		match |= subtle.ConstantTimeCompare(want[:tokenMACSize], mac)
	}
	if match != 1 {
		return Token{}, false
	}
	return Token{Text: text, ID: idp.EncodeID(raw[:tokenIDSize]), Digest: Digest(text)}, true
}

// SealSuccessor encrypts the token that replaces oldToken so that only a holder of oldToken can read it. It lets a client
// whose refresh answer was lost ask again and get the same answer (RFC 6749 §10.4), while the database, even with the key
// ring beside it, holds no usable token.
func SealSuccessor(oldToken, successor string) []byte {
	aead, err := newAEAD(successorKey(oldToken))
	if err != nil {
		panic("secret: seal successor: " + err.Error()) // a key of 32 bytes is always good
	}
	return aead.Seal(nil, nil, []byte(successor), []byte(successorLabel))
}

// OpenSuccessor returns the token that SealSuccessor sealed for oldToken, or ErrCannotOpen.
func OpenSuccessor(oldToken string, sealed []byte) (string, error) {
	aead, err := newAEAD(successorKey(oldToken))
	if err != nil {
		return "", fmt.Errorf("open successor: %w", err)
	}
	successor, err := aead.Open(nil, nil, sealed, []byte(successorLabel))
	if err != nil {
		return "", ErrCannotOpen
	}
	return string(successor), nil
}

const successorLabel = "idp refresh successor v1"

func successorKey(oldToken string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(oldToken), nil, successorLabel, keySize)
	if err != nil {
		panic("secret: derive successor key: " + err.Error()) // 32 bytes are always within HKDF's bound
	}
	return key
}
