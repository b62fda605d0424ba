package ui

import "time"

// Register is the page on which people make an account for themselves.
type Register struct {
	Form
	Client      *Client  // nil where no application waits
	Account     *Account // who is signed in meanwhile; nil for nobody
	Email       string   // as typed before, or login_hint
	Username    string
	MinPassword int // shortest password the server takes
	Problems    Problems
	RetryAfter  time.Duration // above zero: throttled, try again after this
	CanCancel   bool          // "cancel" ends in access_denied at the application
}

// PageName names the template.
func (Register) PageName() string { return "register" }

func (r Register) faulty() bool { return len(r.Problems) > 0 || r.RetryAfter > 0 }

func (r Register) problems() Problems { return r.Problems }
