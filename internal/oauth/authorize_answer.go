package oauth

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/logctx"
	"idp/internal/trace"
)

// PostedAnswer is an authorization response that the browser posts to the application (OAuth 2.0 Form Post Response Mode §2).
type PostedAnswer struct {
	Client      *idp.Client
	RedirectURI string // registered, http(s)
	Params      url.Values
	UILocales   string // of the request
}

// answerSuccess sends the browser back to the client with what the response type asked for, the state as it came, and iss (RFC 6749 §4.1.2, §4.2.2,
// OpenID Connect Core §3.1.2.5, RFC 9207 §2; RFC 8252 §8.10: native applications tell servers apart by it).
func (p *Provider) answerSuccess(w http.ResponseWriter, r *http.Request, a *authorizeRequest) {
	a.Trace.Pass("issued: " + a.ResponseType.String())
	a.Trace.End(trace.OK)
	logctx.Set(r.Context(), slog.String("outcome", a.ResponseType.String()), slog.String("user_id", a.answer.UserID))
	p.answerAuthorize(w, r, a, a.params)
}

// answerAuthorizeError tells the client what went wrong (RFC 6749 §4.1.2.1, §4.2.2.1). Nothing is in it but what the specifications name.
func (p *Provider) answerAuthorizeError(w http.ResponseWriter, r *http.Request, a *authorizeRequest, e *Error) {
	p.note(r.Context(), e)
	a.Trace.Refuse(e.Code, e.Description)
	w.Header().Set("X-Trace-Id", a.Trace.ID) // for the developer who looks at the network; the page that follows is the application's
	p.answerAuthorize(w, r, a, url.Values{"error": {e.Code}, "error_description": {ascii(e.Description)}})
}

// answerAuthorize is the way of every authorization response, success or error, to the client.
func (p *Provider) answerAuthorize(w http.ResponseWriter, r *http.Request, a *authorizeRequest, params url.Values) {
	if a.State != "" {
		params.Set("state", a.State)
	}
	params.Set("iss", p.Issuer)
	if state := p.sessionState(w, r, a); state != "" {
		params.Set("session_state", state)
	}
	if a.ResponseMode.Signed {
		signed, err := p.minter.Answer(r.Context(), a.Client, params, time.Now())
		if err != nil {
			p.failPage(w, r, a.Trace, err)
			return
		}
		params = url.Values{"response": {signed}} // JARM §2.3: nothing stands beside it
	}
	switch a.ResponseMode.Carrier {
	case idp.ModeFormPost:
		p.Post(w, r, PostedAnswer{Client: a.Client, RedirectURI: a.RedirectURI, Params: params, UILocales: a.Params.Get("ui_locales")})
	case idp.ModeFragment:
		redirect(w, withFragment(a.RedirectURI, params))
	default:
		redirect(w, idp.WithQuery(a.RedirectURI, params))
	}
}

// withFragment puts parameters behind a registered URI, which has no fragment of its own (RFC 6749 §3.1.2). A space is written %20: scripts that take the
// fragment apart by hand often do not know what a plus means.
func withFragment(uri string, params url.Values) string {
	return uri + "#" + strings.ReplaceAll(params.Encode(), "+", "%20")
}

// redirect answers with 303, so that no browser repeats a POST with its password at the next address (RFC 9700 §4.12), and keeps
// the address, which holds a code, out of caches and referrers (RFC 9700 §4.2.4, FAPI 2.0 Security Profile §5.3.2.2).
func redirect(w http.ResponseWriter, location string) {
	h := w.Header()
	h.Set("Location", location)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}
