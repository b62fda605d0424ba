package subject

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
)

// Names tells people's names at clients. Safe for concurrent use.
type Names struct{ key []byte }

const (
	name     = "pairwise" // of the row
	keyBytes = 32
)

// Binding is where the secret behind pairwise names is sealed.
func Binding(name string) secret.Binding {
	return secret.Binding{Table: "server_secrets", Column: "sealed", Row: name}
}

// New returns the names, with the secret behind them from the database; in an empty one it is made.
func New(ctx context.Context, s *store.Store, ring *secret.Keyring) (*Names, error) {
	kept, err := sealed(ctx, s, ring)
	if err != nil {
		return nil, fmt.Errorf("load the secret behind pairwise subjects: %w", err)
	}
	key, err := ring.Open(kept, Binding(name))
	if err != nil {
		// Never another one in its place: that would rename everybody.
		return nil, fmt.Errorf("open the secret behind pairwise subjects (is its encryption key still in the key ring?): %w", err)
	}
	return &Names{key: key}, nil
}

// sealed returns what the database holds, after putting it there if need be. The ring only seals it: a rotated ring opens the same secret.
func sealed(ctx context.Context, s *store.Store, ring *secret.Keyring) (string, error) {
	list, err := s.ServerSecrets(ctx)
	if err != nil {
		return "", err
	}
	for _, v := range list {
		if v.Name == name {
			return v.Sealed, nil
		}
	}
	key := make([]byte, keyBytes)
	rand.Read(key) // never fails: crypto/rand ends the program instead
	text, err := ring.Seal(key, Binding(name))
	if err != nil {
		return "", err
	}
	return s.KeepServerSecret(ctx, name, text, time.Now())
}

// Of returns the sub of a user at a client (OpenID Connect Core §8): what stands in ID tokens, access tokens, UserInfo, introspection and logout
// tokens for it. At a pairwise client it is a keyed digest of sector and user (OpenID Connect Core §8.1), which nobody can compute or undo without the secret.
func (n *Names) Of(c *idp.Client, userID string) string {
	if !c.Pairwise() {
		return userID
	}
	return n.digest("sub", c.Sector(), userID)
}

// Is reports whether sub is what the user is called at the client.
func (n *Names) Is(c *idp.Client, sub, userID string) bool {
	return sub != "" && n.Of(c, userID) == sub
}

// SessionOf returns the sid of a session at a client. The session's id would connect what pairwise subjects keep apart, so such a client gets
// one of its own.
func (n *Names) SessionOf(c *idp.Client, sessionID string) string {
	if !c.Pairwise() || sessionID == "" {
		return sessionID
	}
	return n.digest("sid", c.Sector(), sessionID)
}

// digest writes each part behind its length, so that no two lists of parts have the same bytes.
func (n *Names) digest(parts ...string) string {
	h := hmac.New(sha256.New, n.key)
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		h.Write([]byte(p))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
