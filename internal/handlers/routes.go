package handlers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"idp/internal/handlers/pages"
	"idp/internal/idp"
)

// audience says who a route speaks to, and so what goes around it.
type audience int

const (
	people   audience = iota // pages: no other site may send their forms
	programs                 // protocol endpoints, which other sites may call
	admins                   // the API
	assets                   // files, and what load balancers ask; not worth a line of the log
)

// mounted is a route with what goes around it.
type mounted struct {
	pattern string
	to      audience
	cors    bool
	public  bool
	methods string // of CORS
	handler http.Handler
}

// What is below these belongs to one handler; they themselves are nothing.
const (
	pathAPI    = "/api/v1"
	pathStatic = "/static"
)

// table lists every route of the public side.
func (f *frame) table() []mounted {
	var table []mounted
	add := func(to audience, pattern string, h http.Handler) {
		table = append(table, mounted{pattern: pattern, to: to, handler: h})
	}
	for _, r := range f.Protocol {
		table = append(table, mounted{pattern: r.Pattern, to: programs, cors: r.CORS, public: r.Public, methods: cmp.Or(r.Methods, corsMethods), handler: r.Handler})
	}
	for pattern, h := range f.pages() {
		add(people, pattern, h)
	}
	if f.API != nil {
		add(admins, f.base+pathAPI+"/", f.API)
	}
	add(assets, f.base+pathStatic+"/", f.UI.Static())
	for _, base := range slices.Compact([]string{"", f.base}) { // a load balancer knows no issuer
		add(assets, base+"/healthz", http.HandlerFunc(f.Health.Live))
		add(assets, base+"/health/live", http.HandlerFunc(f.Health.Live))
		add(assets, base+"/readyz", http.HandlerFunc(f.Health.Ready))
		add(assets, base+"/health/ready", http.HandlerFunc(f.Health.Ready))
		add(people, base+"/.well-known/change-password", f.redirect("/"))
	}
	for _, r := range f.Dev {
		add(programs, r.Pattern, r.Handler)
	}
	add(people, "/", http.HandlerFunc(f.notFound))
	return table
}

// pages groups the pages by path, so that a wrong method is told from a wrong address.
func (f *frame) pages() map[string]http.Handler {
	byPath := map[string]methods{}
	for _, r := range f.Pages.Routes() {
		path := f.base + r.Path
		if byPath[path].handlers == nil {
			byPath[path] = methods{f: f, handlers: map[string]http.HandlerFunc{}}
		}
		byPath[path].handlers[r.Method] = r.Handler
	}
	handlers := map[string]http.Handler{}
	for path, m := range byPath {
		handlers[path] = m
	}
	return handlers
}

// methods is one path of the pages.
type methods struct {
	f        *frame
	handlers map[string]http.HandlerFunc
}

// ServeHTTP implements http.Handler.
func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if h := m.handlers[method]; h != nil {
		h(w, r)
		return
	}
	allow := make([]string, 0, 3)
	for name := range m.handlers {
		allow = append(allow, name)
	}
	if m.handlers[http.MethodGet] != nil {
		allow = append(allow, http.MethodHead)
	}
	slices.Sort(allow)
	w.Header().Set("Allow", strings.Join(allow, ", "))
	m.f.Pages.Error(w, r, pages.Failure{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed"})
}

// mount fills the mux. Two routes of one pattern are a fault of the program, and are reported as an error.
func (f *frame) mount() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("mount routes: %v", fault)
		}
	}()
	for _, m := range f.table() {
		f.mux.Handle(m.pattern, f.around(m))
	}
	f.stray = f.around(mounted{pattern: "/", to: people, handler: http.HandlerFunc(f.notFound)})
	return nil
}

// notFound is a page, and to a program, which shows its developer the answer as it is, a line with the way to the addresses.
func (f *frame) notFound(w http.ResponseWriter, r *http.Request) {
	if accept := r.Header.Get("Accept"); !strings.Contains(accept, "text/html") && (accept != "" || r.Method == http.MethodPost) {
		header := w.Header()
		header.Set("Content-Type", idp.MediaJSON)
		header.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]string{ // a caller who has gone needs no answer
			"error": "not_found", "error_description": "There is nothing at this address. " + f.Issuer + "/.well-known/openid-configuration lists the addresses.",
		})
		return
	}
	f.Pages.Error(w, r, pages.Failure{Status: http.StatusNotFound, Code: "not_found"})
}

// redirect sends the browser to a path of ours.
func (f *frame) redirect(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", f.Issuer+path)
		w.WriteHeader(http.StatusSeeOther)
	}
}
