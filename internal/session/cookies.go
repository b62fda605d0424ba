package session

import (
	"net/http"
	"strings"
	"time"

	"idp/internal/secret"
)

// Names of the cookies, without the prefix that https issuers put before them.
const (
	sessionCookie  = "idp_session"
	rememberCookie = "idp_remember"
	browserCookie  = "idp_browser"
)

// hostPrefix makes browsers refuse the cookie from anybody but this very host over TLS, so that a neighbouring subdomain
// cannot plant one (RFC 6265bis §4.1.3.2).
const hostPrefix = "__Host-"

// sameName is how many cookies of one name are looked at. Over http, where there is no prefix, somebody else on the host may
// have set another one.
const sameName = 4

// jar reads and writes our cookies.
type jar struct {
	prefix string
	secure bool
}

func newJar(issuer string) jar {
	// Only a plain http issuer, which is this machine, goes without.
	if strings.HasPrefix(strings.ToLower(issuer), "http:") {
		return jar{}
	}
	return jar{prefix: hostPrefix, secure: true}
}

// get returns the first value of a cookie that accept takes.
func (j jar) get(r *http.Request, name string, accept func(value string) bool) (found bool) {
	for i, c := range r.CookiesNamed(j.prefix + name) {
		if i == sameName {
			break
		}
		if accept(c.Value) {
			return true
		}
	}
	return false
}

func (j jar) token(keyring *secret.Keyring, r *http.Request, name string, kind secret.TokenKind) (t secret.Token, ok bool) {
	ok = j.get(r, name, func(value string) bool {
		t, ok = keyring.ParseToken(kind, value)
		return ok
	})
	return t, ok
}

func (j jar) sent(r *http.Request, name string) bool {
	return len(r.CookiesNamed(j.prefix+name)) > 0
}

// set sends a cookie, in place of one of the same name that this answer had already. It lives as long as the browser if age
// is 0, and is deleted if age is negative.
func (j jar) set(w http.ResponseWriter, name, value string, age time.Duration) {
	j.put(w, &http.Cookie{Name: j.prefix + name, Value: value, Path: "/", Secure: j.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}, age)
}

func (j jar) put(w http.ResponseWriter, c *http.Cookie, age time.Duration) {
	switch {
	case age < 0:
		c.MaxAge = -1
	case age > 0:
		c.MaxAge = max(1, int(age/time.Second))
	}
	h := w.Header()
	kept := h["Set-Cookie"][:0:0]
	for _, line := range h["Set-Cookie"] {
		if !strings.HasPrefix(line, c.Name+"=") {
			kept = append(kept, line)
		}
	}
	h["Set-Cookie"] = append(kept, c.String())
	// SEC-12: a shared cache that kept this answer would sign strangers in.
	h.Set("Cache-Control", "no-store")
}

// clear deletes a cookie at the browser that sent it.
func (j jar) clear(w http.ResponseWriter, r *http.Request, name string) {
	if j.sent(r, name) {
		j.set(w, name, "", -1)
	}
}

// answered returns the value that this answer sets for a cookie.
func (j jar) answered(w http.ResponseWriter, name string) (value string, ok bool) {
	for _, line := range w.Header()["Set-Cookie"] {
		if rest, found := strings.CutPrefix(line, j.prefix+name+"="); found {
			value, _, _ = strings.Cut(rest, ";")
			return value, value != ""
		}
	}
	return "", false
}
