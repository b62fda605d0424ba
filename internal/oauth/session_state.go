package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"

	"idp/internal/idp"
)

// pathCheckSession is the page that an application keeps in a frame (Session Management 1.0 §3.2). The pages serve it.
const pathCheckSession = "/session/check"

// saltBytes of a session_state. It keeps applications from comparing what they have.
const saltBytes = 12

// sessionState is what the application compares with the browser's state (Session Management 1.0 §2): a digest of the client, the origin
// that its pages have, and the state, with a salt. So the frame need not ask the server which origins a client has (§3.2): nobody else's page can have
// one. Only openid requests get one. Where nobody is signed in the browser has a state too, so that the application hears when somebody is.
func (p *Provider) sessionState(w http.ResponseWriter, r *http.Request, a *authorizeRequest) string {
	origin := idp.OriginOf(a.RedirectURI)
	if origin == "" || !slices.Contains(a.Scopes, idp.ScopeOpenID) {
		return "" // an application without pages has no frames
	}
	var state string
	if a.answer != nil {
		state = p.Sessions.State(a.answer.SessionID)
		p.Sessions.KeepState(w, r, state)
	} else {
		state = p.Sessions.RequestState(w, r)
	}
	var random [saltBytes]byte
	rand.Read(random[:])
	return hashState(a.Client.ID, origin, state, base64.RawURLEncoding.EncodeToString(random[:]))
}

// hashState is what check_session.js computes too.
func hashState(clientID, origin, state, salt string) string {
	sum := sha256.Sum256([]byte(clientID + " " + origin + " " + state + " " + salt))
	return base64.RawURLEncoding.EncodeToString(sum[:]) + "." + salt
}
