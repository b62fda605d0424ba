package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"idp/internal/audit"
	"idp/internal/idp"
)

// Protection says what happens when a session comes from another browser or network than it began in (FL-13).
type Protection string

// The protections.
const (
	ProtectionOff    Protection = "off"
	ProtectionReauth Protection = "reauth" // the request is nobody's; the session stays for the browser that it began in
	ProtectionRevoke Protection = "revoke" // the session ends
)

// Networks that count as the same: what one line or one phone cell usually gets.
const (
	networkBits4 = 24
	networkBits6 = 48
)

// maxAgent bounds the User-Agent that is kept.
const maxAgent = 256

// protect reports whether the session may be used by this request.
func (m *Manager) protect(ctx context.Context, r *http.Request, s *idp.Session) (fits bool, err error) {
	if m.protection == ProtectionOff {
		return true, nil
	}
	agent, address := whoFrom(ctx, r)
	reason := ""
	switch {
	case agent != s.UserAgent:
		reason = "user_agent"
	case idp.Network(address, networkBits4, networkBits6) != idp.Network(s.Address, networkBits4, networkBits6):
		reason = "network"
	default:
		return true, nil
	}
	if m.protection == ProtectionRevoke {
		_, err := m.end(ctx, s.ID, audit.Event{
			Type: audit.SessionKilled, ActorKind: audit.ActorSystem,
			Details: map[string]string{"reason": "session_protection", "changed": reason},
		})
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			return false, fmt.Errorf("revoke session %s: %w", s.ID, err)
		}
	}
	return false, nil
}

// whoFrom returns the browser's name for itself and its address. The address is the one that trusted proxies vouch for,
// never a header that the client could have written (SEC-10).
func whoFrom(ctx context.Context, r *http.Request) (agent, address string) {
	peer := idp.PeerOf(ctx)
	agent = peer.UserAgent
	if agent == "" {
		agent = r.UserAgent()
	}
	return printable(agent, maxAgent), printable(peer.Address, 64)
}

// printable returns s as the database takes it: valid UTF-8 without control characters, at most limit bytes.
func printable(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}
