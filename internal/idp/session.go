package idp

import "time"

// Session is one signed-in browser.
type Session struct {
	ID                string // not secret; the sid claim
	UserID            string
	AuthTime          time.Time // when the user last proved who they are; kept when the session is restored
	AMR               []string  // RFC 8176: what was really used
	Contexts          []string  // authentication contexts that the upstream vouched for; those that follow from AMR are not written down
	ProviderID        string    // the upstream that vouched, if one did
	UserAgent         string
	Address           string
	CreatedAt         time.Time
	LastSeenAt        time.Time
	IdleExpiresAt     time.Time
	ExpiresAt         time.Time // absolute: activity never moves it
	Remembered        bool      // "keep me signed in"
	RememberExpiresAt *time.Time
	RestoredAt        *time.Time // when the remember cookie last brought it back
}

// Live reports whether the session may be used at now.
func (s *Session) Live(now time.Time) bool {
	return now.Before(s.IdleExpiresAt) && now.Before(s.ExpiresAt)
}

// Grant is what a user allowed a client: one per pair, its scopes the union of all that was allowed.
type Grant struct {
	UserID    string
	ClientID  string
	Scopes    []string // sorted
	CreatedAt time.Time
	UpdatedAt time.Time
}
