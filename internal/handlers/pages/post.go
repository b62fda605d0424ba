package pages

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"idp/internal/handlers/ui"
	"idp/internal/idp"
)

// Post answers with the page that posts an authorization response to the application (OAuth 2.0 Form Post Response Mode §2): by a script of ours, or by its
// button where no script runs. The page holds a code or tokens, so it is kept by nobody.
func (p *Pages) Post(w http.ResponseWriter, r *http.Request, c *idp.Client, to string, params url.Values, uiLocales string) {
	view := ui.FormPost{URL: to, Client: ui.ClientOf(c)}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		view.Fields = append(view.Fields, ui.Field{Name: name, Value: params.Get(name)})
	}
	p.UI.Render(w, ui.Page{Locale: p.locale(r, uiLocales), View: view}, http.StatusOK)
}
