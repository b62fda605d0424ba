package pages

import (
	"net/http"

	"idp/internal/handlers/ui"
)

// home says who is signed in here.
func (p *Pages) home(w http.ResponseWriter, r *http.Request) error {
	v, err := p.visit(w, r, "")
	if err != nil {
		return err
	}
	c, err := p.signedIn(w, r, v)
	if err != nil {
		return err
	}
	view := ui.Home{Form: v.form}
	if c != nil {
		view.Account = accountOf(c.User)
	}
	p.show(w, v, view, http.StatusOK)
	return nil
}
