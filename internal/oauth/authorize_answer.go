package oauth

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"idp/internal/logctx"
	"idp/internal/trace"
)

// answerCode sends the browser back to the client with the code, the state as it came, and iss (RFC 6749 §4.1.2, OpenID Connect Core
// §3.1.2.5, RFC 9207 §2; RFC 8252 §8.10: native applications tell servers apart by it).
func (p *Provider) answerCode(w http.ResponseWriter, r *http.Request, a *authorizeRequest) {
	a.Trace.Pass("code issued")
	a.Trace.End(trace.OK)
	logctx.Set(r.Context(), slog.String("outcome", "code"), slog.String("user_id", a.answer.UserID))
	p.answerAuthorize(w, a, a.params)
}

// answerAuthorizeError tells the client what went wrong (RFC 6749 §4.1.2.1).
func (p *Provider) answerAuthorizeError(w http.ResponseWriter, r *http.Request, a *authorizeRequest, e *Error) {
	p.note(r.Context(), e)
	a.Trace.End(e.Code)
	w.Header().Set("X-Trace-Id", a.Trace.ID) // for the developer who looks at the network; the page that follows is the application's
	p.answerAuthorize(w, a, url.Values{"error": {e.Code}, "error_description": {ascii(e.Description)}})
}

func (p *Provider) answerAuthorize(w http.ResponseWriter, a *authorizeRequest, params url.Values) {
	if a.State != "" {
		params.Set("state", a.State)
	}
	params.Set("iss", p.Issuer)
	redirect(w, withQuery(a.RedirectURI, params))
}

// withQuery appends parameters to a registered URI without touching a letter of it: it may have a query of its own (RP-2).
func withQuery(uri string, params url.Values) string {
	if len(params) == 0 {
		return uri
	}
	sep := "?"
	if strings.Contains(uri, "?") {
		sep = "&"
	}
	return uri + sep + params.Encode()
}

// redirect answers with 303, so that no browser repeats a POST with its password at the next address (RFC 9700 §4.12), and keeps
// the address, which holds a code, out of caches and referrers (RFC 9700 §4.2.4).
func redirect(w http.ResponseWriter, location string) {
	h := w.Header()
	h.Set("Location", location)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}
