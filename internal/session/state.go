package session

import (
	"crypto/rand"
	"net/http"
	"strings"
)

// stateCookie tells the script of the check-session frame whether the session is still the one that an application knows (Session Management
// 1.0 §3.2). It is the one cookie that scripts read and that is sent from frames in other sites, and there is no secret in it.
const stateCookie = "idp_state"

const purposeState = "browser state"

// State returns what the state cookie holds during a session: it says nothing about the session but that it is another than before.
func (m *Manager) State(sessionID string) string {
	if sessionID == "" {
		return ""
	}
	return m.keyring.KeyedDigest(purposeState, sessionID)
}

// RequestState returns what the browser says that its state is, and gives it one if it has none: a page that frames the check-session frame could
// compute what it would have with an empty one, and so find out that nobody ever signed in. It may be anything: it is of use to that browser alone.
func (m *Manager) RequestState(w http.ResponseWriter, r *http.Request) (state string) {
	m.jar.get(r, stateCookie, func(value string) bool {
		if len(value) > browserLimit {
			return false
		}
		state = value
		return value != ""
	})
	if state == "" {
		state = rand.Text()
		m.jar.setState(w, state)
	}
	return state
}

// KeepState sets the state cookie again at a browser that has lost it, or that has it from a key of the ring that is gone: else its
// applications would be told for ever that something changed. It costs nothing where the cookie is right.
func (m *Manager) KeepState(w http.ResponseWriter, r *http.Request, state string) {
	for _, line := range r.Header["Cookie"] {
		if strings.Contains(line, m.jar.prefix+stateCookie+"="+state) {
			return
		}
	}
	m.jar.setState(w, state)
}

// setState sends the state cookie. As the session cookie, it ends with the browser.
func (j jar) setState(w http.ResponseWriter, state string) {
	c := &http.Cookie{Name: j.prefix + stateCookie, Value: state, Path: "/", Secure: j.secure, SameSite: http.SameSiteLaxMode}
	if j.secure {
		c.SameSite = http.SameSiteNoneMode // the frame is in an application's page
	}
	j.put(w, c, 0)
}
