package handlers

import (
	"net/http"
	"slices"

	"idp/internal/handlers/ui"
)

// headers are on every answer. The values are shared: whoever changes one replaces it.
type headers []header

type header struct {
	name   string
	values []string
}

// plainPolicy is for answers that are no page: nothing in them may run, whatever a browser takes them for. A page sets its own.
const plainPolicy = "default-src 'none'; frame-ancestors 'none'"

// lasting is HSTS for a year. Not for subdomains: they may be somebody else's.
const lasting = "max-age=31536000"

func newHeaders(https bool) headers {
	var list headers
	add := func(name, value string) {
		list = append(list, header{name, []string{value}})
	}
	of := ui.SecurityHeaders()
	for _, name := range []string{"Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options"} {
		add(name, of.Get(name))
	}
	add("Content-Security-Policy", plainPolicy)
	if https {
		// RFC 6797; CrossOriginProtection compares hosts only, and relies on it.
		add("Strict-Transport-Security", lasting)
	}
	return list
}

// forDocuments leaves out what concerns pages only: programs read a document, no browser frames it or follows a link from it. Eight headers
// fit into a map that is not made twice.
func (h headers) forDocuments() headers {
	return slices.DeleteFunc(slices.Clone(h), func(one header) bool { return one.name == "Referrer-Policy" || one.name == "X-Frame-Options" })
}

func (h headers) set(to http.Header) {
	for _, one := range h {
		to[one.name] = one.values
	}
}
