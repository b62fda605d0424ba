package idp

import (
	"slices"
	"time"
)

// SessionClient is a client that got a code in a session and hears of its end.
type SessionClient struct {
	SessionID string
	ClientID  string
	Back      bool // by a logout token
	Front     bool // by a frame on the page that says goodbye
}

// Logout is the news for one client that a session has ended: first an entry of the outbox, then the receipt.
type Logout struct {
	ID        string
	SessionID string // that ended
	ClientID  string
	UserID    string
	State     LogoutState
	Attempts  int
	Status    int    // of the last answer; 0 for none
	Fault     string // of the last attempt; empty if it was delivered
	CreatedAt time.Time
	DueAt     time.Time // of the next attempt; while one is under way, when somebody else may try
	DoneAt    *time.Time
}

// LogoutState says how far the news has come.
type LogoutState string

// The states of a Logout.
const (
	LogoutWaiting   LogoutState = "waiting"
	LogoutDelivered LogoutState = "delivered"
	LogoutFailed    LogoutState = "failed"
)

// AnyFrame reports whether one of the clients hears of the end by a frame.
func AnyFrame(list []SessionClient) bool {
	return slices.ContainsFunc(list, func(c SessionClient) bool { return c.Front })
}
