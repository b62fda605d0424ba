package session

import (
	"net/http"
	"strings"

	"idp/internal/idp"
	"idp/internal/secret"
)

// The browser cookie is a token and, behind colons, a mark for each of the last accounts that signed in here. Marks are keyed
// digests over token and account: they can neither be made nor carried to another browser.
const (
	maxMarks     = 4
	markLimit    = 64 // bytes of one mark
	markSep      = ":"
	browserLimit = 512 // bytes of the cookie's value

	purposeMark = "known device"
	purposeCSRF = "csrf"
)

type browser struct {
	token secret.Token
	marks []string // newest first
}

func (b browser) value() string {
	return strings.Join(append([]string{b.token.Text}, b.marks...), markSep)
}

func (m *Manager) parseBrowser(value string) (b browser, ok bool) {
	if len(value) > browserLimit {
		return b, false
	}
	parts := strings.Split(value, markSep)
	if b.token, ok = m.keyring.ParseToken(secret.TokenBrowser, parts[0]); !ok {
		return b, false
	}
	for _, mark := range parts[1:] {
		if len(mark) <= markLimit && len(b.marks) < maxMarks {
			b.marks = append(b.marks, mark)
		}
	}
	return b, true
}

func (m *Manager) browserOf(r *http.Request) (b browser, ok bool) {
	ok = m.jar.get(r, browserCookie, func(value string) bool {
		b, ok = m.parseBrowser(value)
		return ok
	})
	return b, ok
}

// currentBrowser returns the browser that this answer or else this request names.
func (m *Manager) currentBrowser(w http.ResponseWriter, r *http.Request) (b browser, ok bool) {
	if value, found := m.jar.answered(w, browserCookie); found {
		if b, ok = m.parseBrowser(value); ok {
			return b, true
		}
	}
	return m.browserOf(r)
}

// Browser returns the digest of the browser cookie, to which interactions are bound. A browser without one gets it in this
// answer, before its body is written; it goes when the browser is closed, unless "keep me signed in" is ticked.
func (m *Manager) Browser(w http.ResponseWriter, r *http.Request) (digest []byte) {
	b, ok := m.currentBrowser(w, r)
	if !ok {
		b = browser{token: m.keyring.NewToken(secret.TokenBrowser, idp.NewID())}
		m.jar.set(w, browserCookie, b.value(), 0)
	}
	return b.token.Digest
}

// CSRF returns the token that a form carries, from the digest that Browser returned.
func (m *Manager) CSRF(browser []byte) string {
	return m.keyring.KeyedDigest(purposeCSRF, string(browser))
}

// fieldCSRF is the name of the form field with the token that CSRF made.
const fieldCSRF = "csrf"

// CheckCSRF returns nil if the form was made for this browser (FS-47, SEC-5: another site's form would sign a person in as
// somebody else, or out). Only the body counts, never the address. The caller bounds the body.
func (m *Manager) CheckCSRF(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &idp.Error{Kind: idp.Invalid, Code: "form_unreadable", Message: "The form could not be read. Open the page again and retry.", Err: err}
	}
	b, ok := m.browserOf(r)
	if !ok {
		return &idp.Error{
			Kind: idp.Forbidden, Code: "csrf",
			Message: "Your browser did not send the cookie that belongs to this form. Allow cookies for this site, open the page again and retry.",
		}
	}
	if !m.keyring.VerifyDigest(purposeCSRF, r.PostForm.Get(fieldCSRF), string(b.token.Digest)) {
		return &idp.Error{
			Kind: idp.Forbidden, Code: "csrf",
			Message: "This form was made for another browser, or is too old. Open the page again and retry.",
		}
	}
	return nil
}

// KnownDevice reports whether the user signed in with this browser before, as far as it remembers: the browser cookie holds
// a mark of the last four accounts. A stranger who guesses passwords slows the account, not the browsers it knows (FS-43).
func (m *Manager) KnownDevice(r *http.Request, userID string) bool {
	b, ok := m.browserOf(r)
	if !ok {
		return false
	}
	known := false
	for _, mark := range b.marks {
		known = m.marks(b, mark, userID) || known
	}
	return known
}

// marks reports whether mark stands for the user at this browser.
func (m *Manager) marks(b browser, mark, userID string) bool {
	return m.keyring.VerifyDigest(purposeMark, mark, markText(b, userID))
}

// markText is the digest, which has a fixed size, and the user.
func markText(b browser, userID string) string { return string(b.token.Digest) + userID }

// remark marks the browser as one that the user signed in with. The cookie outlives the browser only together with the
// remember cookie (FL-9: without the tick no lasting cookie appears).
func (m *Manager) remark(w http.ResponseWriter, r *http.Request, userID string, remember bool) {
	b, ok := m.currentBrowser(w, r)
	if !ok {
		b = browser{token: m.keyring.NewToken(secret.TokenBrowser, idp.NewID())}
	}
	marks := []string{m.keyring.KeyedDigest(purposeMark, markText(b, userID))}
	for _, mark := range b.marks {
		if len(marks) < maxMarks && !m.marks(b, mark, userID) {
			marks = append(marks, mark)
		}
	}
	b.marks = marks
	age := m.remember
	if !remember {
		age = 0
	}
	m.jar.set(w, browserCookie, b.value(), age)
}

// Brought reports whether the browser sent a cookie that it keeps back from other sites' forms: without any of them nobody can say who is
// there. The state cookie is sent from everywhere, and says nothing.
func (m *Manager) Brought(r *http.Request) bool {
	return m.jar.sent(r, browserCookie) || m.jar.sent(r, sessionCookie) || m.jar.sent(r, rememberCookie)
}
