package ui

import "time"

// LoginStep says what the sign-in page asks for.
type LoginStep string

// The steps of the sign-in page.
const (
	LoginFresh  LoginStep = ""       // who are you: identifier and password
	LoginSelect LoginStep = "select" // signed in as Account: continue, or use another account
	LoginReauth LoginStep = "reauth" // Account must prove itself again: password only
)

// Login is the sign-in page.
type Login struct {
	Form
	Client       *Client // nil where no application waits
	Step         LoginStep
	Account      *Account // for LoginSelect and LoginReauth
	Identifier   string   // as typed before, or login_hint
	Remember     bool     // the tick as it was
	HideRemember bool     // the operator allows no long sessions
	HidePassword bool     // only providers
	Providers    []Provider
	Problems     Problems
	Notice       Message       // why the page is here, where that is not plain
	RetryAfter   time.Duration // above zero: throttled, try again after this
	CanCancel    bool          // "cancel" ends in access_denied at the application
	MayRegister  bool          // there is a page for making an account
}

// PageName names the template.
func (Login) PageName() string { return "login" }

func (l Login) faulty() bool { return len(l.Problems) > 0 || l.RetryAfter > 0 }

// Link is the page that asks for the password of a local account before an upstream identity with its address is linked to it.
type Link struct {
	Form
	Client     *Client
	Provider   Provider
	Address    string // that both know; no name, because nobody has proved yet that the account is theirs
	Problems   Problems
	RetryAfter time.Duration
}

// PageName names the template.
func (Link) PageName() string { return "link" }

func (l Link) faulty() bool { return len(l.Problems) > 0 || l.RetryAfter > 0 }

// UpstreamFailed is the page after a sign-in at a provider that came to nothing. It never shows the provider's own words.
type UpstreamFailed struct {
	Form
	Client       *Client
	Provider     Provider
	Reason       Message // one of the MsgUpstream… sentences
	HidePassword bool
	CanCancel    bool
	TraceID      string
}

// PageName names the template.
func (UpstreamFailed) PageName() string { return "upstream_failed" }

// Loop is the page that ends a circle of sign-ins: an application that sends the same browser here again and again.
type Loop struct {
	Client   *Client
	Count    int // requests within Window
	Window   time.Duration
	RetryURL string // goes on once more; empty where that makes no sense
	TraceID  string
}

// PageName names the template.
func (Loop) PageName() string { return "loop" }
