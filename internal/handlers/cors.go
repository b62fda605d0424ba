package handlers

import (
	"log/slog"
	"net/http"

	"idp/internal/idp"
)

const (
	corsMethods    = "GET, POST"
	corsHeaders    = "Authorization, Content-Type, DPoP"
	corsExposed    = "WWW-Authenticate, Retry-After, DPoP-Nonce"
	corsMaxSeconds = "3600"
	// publicHeaders lets the clients of the Model Context Protocol say their version while they discover.
	publicHeaders = "Authorization, Content-Type, MCP-Protocol-Version"
)

// everyOrigin is shared by all answers.
var everyOrigin = []string{"*"}

// open lets the scripts of every site read an answer: nothing in it depends on who asks by a cookie, and who has yet to be registered must be
// able to discover this server and to register. The header is on every answer, so that caches cannot mix them up.
// It reports whether the request is answered.
func open(w http.ResponseWriter, r *http.Request, methods string) (answered bool) {
	h := w.Header()
	h["Access-Control-Allow-Origin"] = everyOrigin
	if r.Method != http.MethodOptions {
		h.Set("Access-Control-Expose-Headers", corsExposed)
		return false
	}
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", publicHeaders)
	h.Set("Access-Control-Max-Age", corsMaxSeconds)
	h.Set("Allow", "OPTIONS, "+methods)
	w.WriteHeader(http.StatusNoContent)
	return true
}

// preflight lets the browser applications of registered clients read an answer, and answers the browser's question whether they may.
// It reports whether the request is answered. Cookies are never allowed along: these endpoints know none (FL-19). The
// authorization endpoint and the pages are not among them (FAPI 2.0 Security Profile §5.2.3).
func (f *frame) preflight(w http.ResponseWriter, r *http.Request) (answered bool) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	allowed := f.allows(r, origin)
	if allowed {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	if r.Method != http.MethodOptions {
		if allowed {
			h.Set("Access-Control-Expose-Headers", corsExposed)
		}
		return false
	}
	if allowed {
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", corsMaxSeconds)
	}
	h.Set("Allow", "OPTIONS, "+corsMethods)
	w.WriteHeader(http.StatusNoContent)
	return true
}

// allows reports whether some registered client has the origin. A database that does not answer is no reason to fail the request:
// without the header the browser fails it for the application.
func (f *frame) allows(r *http.Request, origin string) bool {
	if origin == "" || origin == "null" || len(origin) > idp.MaxOrigin {
		return false
	}
	allowed, err := f.Clients.AllowsOrigin(r.Context(), origin)
	if err != nil {
		f.Logger.WarnContext(r.Context(), "origin not looked up", slog.Any("error", err))
	}
	return allowed && err == nil
}
