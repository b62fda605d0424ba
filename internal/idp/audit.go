package idp

import "time"

// AuditEvent is a fact about a person's or an operator's act, written in the transaction of the fact itself. It holds no secret.
type AuditEvent struct {
	ID        string
	At        time.Time
	Type      string // a constant of package audit, such as "login.ok"
	ActorKind string // user, client, operator, system
	ActorID   string
	UserID    string // whom it is about
	ClientID  string
	SessionID string
	Address   string
	UserAgent string
	RequestID string
	Details   map[string]string
}

// Trace is the account of one authorization or token request: each check, what was expected, what came.
type Trace struct {
	ID        string
	At        time.Time
	Endpoint  string
	ClientID  string
	Outcome   string // "ok" or the error code sent
	Checks    []Check
	ExpiresAt time.Time
}

// Check is one line of a trace. Expected and Received never hold a secret: whoever records them passes digests or shapes.
type Check struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Expected string `json:"expected,omitempty"`
	Received string `json:"received,omitempty"`
	Mend     string `json:"mend,omitempty"`
	Clause   string `json:"clause,omitempty"`
}
