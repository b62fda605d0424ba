package ui

// Home is the front page: who is signed in here.
type Home struct {
	Form
	Account *Account // nil where nobody is
}

// PageName names the template.
func (Home) PageName() string { return "home" }

// Setup is the page on which the holder of the one-time token becomes the first administrator.
type Setup struct {
	Form
	Token       string // never filled in by the server after a wrong one
	Email       string
	DisplayName string
	MinPassword int // shortest password the server takes
	Problems    Problems
}

// PageName names the template.
func (Setup) PageName() string { return "setup" }

func (s Setup) faulty() bool { return len(s.Problems) > 0 }

func (s Setup) problems() Problems { return s.Problems }
