package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"idp/internal/idp"
)

// stranger is a name that nobody has (RFC 2606 §2).
const stranger = "doctor.invalid"

// forwarded sends what only a proxy may say. A server that believed it would send people to a stranger's host.
func (f Facts) forwarded(ctx context.Context, r *report, address string, plain *answer) {
	a, err := f.probe(ctx, http.MethodGet, address, http.Header{
		"X-Forwarded-Host":  {stranger},
		"X-Forwarded-Proto": {"gopher"},
		"X-Forwarded-For":   {"192.0.2.1"},
		"Forwarded":         {"for=192.0.2.1;host=" + stranger + ";proto=gopher"},
	})
	switch {
	case err != nil || a.status != plain.status:
		r.warn("proxy", "A request with forwarding headers of its own is answered differently from one without.", "If a filter refuses such requests, all is well. Otherwise let the proxy replace these headers.")
	case !bytes.Equal(a.body, plain.body) || bytes.Contains(a.body, []byte(stranger)):
		r.fail("proxy", "The discovery document changes with the forwarding headers that a visitor sends.", "Let no cache and no proxy rewrite the document; this server itself goes by the setting issuer.")
	default:
		r.ok("proxy", "Forwarding headers that a visitor invents change nothing.")
	}
}

// cookies looks at the sign-in page's cookies as the browser gets them.
func (f Facts) cookies(ctx context.Context, r *report) {
	address := f.Issuer + "/login"
	a, err := f.probe(ctx, http.MethodGet, address, http.Header{"Accept": {"text/html"}})
	if err != nil {
		r.fail("cookies", address+" does not answer: "+sentence(err), "Check that the proxy forwards every path below the issuer.")
		return
	}
	if a.status >= 500 || a.status == http.StatusNotFound {
		r.fail("cookies", fmt.Sprintf("%s answers %d.", address, a.status), "Check that the proxy forwards every path below the issuer, and look at the server's log.")
		return
	}
	response := http.Response{Header: a.header}
	secure, faults, seen := strings.HasPrefix(f.Issuer, "https:"), 0, 0
	for _, c := range response.Cookies() {
		if !strings.HasPrefix(strings.TrimPrefix(c.Name, "__Host-"), "idp_") {
			continue // the proxy's own
		}
		seen++
		if missing := cookieFaults(c, secure); len(missing) > 0 {
			faults++
			r.fail("cookies", fmt.Sprintf("The cookie %s arrives %s, so browsers drop it or others can take it.", c.Name, strings.Join(missing, " and ")),
				"Let the proxy leave Set-Cookie as it is (nginx: no proxy_cookie_* lines, no proxy_hide_header).")
		}
	}
	switch {
	case seen == 0:
		r.fail("cookies", "The sign-in page arrives without a cookie, so nobody can sign in.", "Let the proxy pass Set-Cookie, and let no cache keep this page.")
	case faults == 0:
		r.ok("cookies", fmt.Sprintf("The sign-in page's cookies arrive with all their flags (%d).", seen))
	}
	if control := a.header.Get("Cache-Control"); !strings.Contains(control, "no-store") {
		r.fail("cookies", fmt.Sprintf("The sign-in page arrives with Cache-Control %q instead of no-store.", control), "Let the proxy leave Cache-Control as it is, and keep no copy of these pages.")
	}
	if a.header.Get("Content-Security-Policy") == "" {
		r.warn("headers", "The sign-in page arrives without its Content-Security-Policy.", "Let the proxy leave the header as it is.")
	}
}

func cookieFaults(c *http.Cookie, secure bool) []string {
	var missing []string
	for _, flag := range []struct {
		wrong bool
		words string
	}{
		{secure && !strings.HasPrefix(c.Name, "__Host-"), "without the prefix __Host-"},
		{secure && !c.Secure, "without Secure"},
		{!c.HttpOnly, "without HttpOnly"},
		{c.SameSite != http.SameSiteLaxMode, "without SameSite=Lax"},
		{c.Path != "/", fmt.Sprintf("with the path %q", c.Path)},
		{c.Domain != "", fmt.Sprintf("with the domain %q", c.Domain)},
	} {
		if flag.wrong {
			missing = append(missing, flag.words)
		}
	}
	return missing
}

// headers checks what the proxy may have taken from protocol answers.
func (f Facts) headers(r *report, a *answer) {
	if strings.HasPrefix(f.Issuer, "https:") && a.header.Get("Strict-Transport-Security") == "" {
		r.warn("headers", "Answers arrive without Strict-Transport-Security, so a browser's first visit may be over plain http.", "Let the proxy pass the header, or add it there.")
	}
	if !slices.Contains(a.header.Values("Access-Control-Allow-Origin"), "*") && len(a.header.Values("Access-Control-Allow-Origin")) > 1 {
		r.warn("headers", "Answers carry Access-Control-Allow-Origin more than once, which browsers refuse.", "Remove the line that the proxy adds: this server answers CORS itself.")
	}
}

// bots calls the token endpoint as applications' libraries do. Filters for bots refuse them, and applications then
// report anything but that.
func (f Facts) bots(ctx context.Context, r *report, d discovery) {
	if !strings.HasPrefix(d.TokenEndpoint, f.Issuer+"/") {
		r.fail("token_endpoint", fmt.Sprintf("The token endpoint %q is not below the issuer.", d.TokenEndpoint), "Give the server and this command the same configuration.")
		return
	}
	var refused []string
	for _, agent := range []string{"Go-http-client/1.1", "python-requests/2.32.3", "Java/21.0.4", "node", "curl/8.10.1", ""} {
		a, err := f.probe(ctx, http.MethodPost, d.TokenEndpoint, http.Header{
			"User-Agent": {agent}, "Content-Type": {idp.MediaForm},
		})
		if err != nil || !isOAuthError(a) {
			if agent == "" {
				agent = "none at all"
			}
			refused = append(refused, agent)
		}
	}
	if len(refused) > 0 {
		r.fail("token_endpoint", fmt.Sprintf("Something before the token endpoint refuses programs with the user agent %s.", strings.Join(refused, ", ")), "Except "+d.TokenEndpoint+" from bot filters, challenges and logins of the proxy.")
		return
	}
	r.ok("token_endpoint", "Programs of every usual kind reach the token endpoint.")
}

// isOAuthError reports whether an answer is the refusal that a request without anything must get (RFC 6749 §5.2).
func isOAuthError(a *answer) bool {
	var e struct {
		Error string `json:"error"`
	}
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	return (a.status == http.StatusBadRequest || a.status == http.StatusUnauthorized) && kind == idp.MediaJSON && json.Unmarshal(a.body, &e) == nil && e.Error != ""
}
