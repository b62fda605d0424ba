package ui

import (
	_ "embed" // for galleryIndex
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

// galleryIndex lists the fixtures. It is a tool of contributors and no page of the product, so it has no catalogue.
//
//go:embed gallery.html
var galleryIndex string

// Gallery serves an index of the fixtures at its root and each fixture below it; mount it at the root, or with
// http.StripPrefix under a path that ends with a slash. Pages that would lead away lead to a place that answers 204, so that the
// browser stays.
func Gallery(u *UI) http.Handler {
	index := template.Must(template.New("index").Parse(galleryIndex))
	fixtures := map[string]Page{}
	var names []string
	for _, f := range Fixtures() {
		names = append(names, f.Name)
		fixtures[f.Name] = f.Page
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, base := strings.Trim(r.URL.Path, "/"), "/"
		if whole, err := url.ParseRequestURI(r.RequestURI); err == nil {
			base = strings.TrimSuffix(whole.Path, name) // what StripPrefix took away
		}
		switch page, ok := fixtures[name]; {
		case ok:
			u.Render(w, staying(page, base+"away"), http.StatusOK)
		case name == "away":
			w.WriteHeader(http.StatusNoContent)
		case name == "":
			for header, values := range SecurityHeaders() {
				w.Header()[header] = values
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			a := u.sure().assets.plain
			data := map[string]any{
				"Names": names, "Base": base, "Style": u.prefix + a["style.css"].hashed,
			}
			if err := index.Execute(w, data); err != nil {
				u.config.Log.Error("gallery index not written", "error", err)
			}
		default:
			u.Render(w, Page{View: FailureOf(http.StatusNotFound, "not_found")}, http.StatusNotFound)
		}
	})
}

// staying points a page that leads away at the gallery itself.
func staying(p Page, away string) Page {
	switch v := p.View.(type) {
	case Continue:
		v.URL = away
		p.View = v
	case FormPost:
		v.URL = away
		p.View = v
	case SignedOut:
		if v.ReturnURL != "" {
			v.ReturnURL, v.Frames = away, nil
			p.View = v
		}
	}
	return p
}
