package idp

import (
	"net/url"
	"slices"
)

// ClientLogout says how an application hears that a session has ended.
type ClientLogout struct {
	BackchannelLogoutURI              string `json:"backchannel_logout_uri,omitempty" doc:"Where this server posts a logout token when a session ends in which the application got a code"`
	BackchannelLogoutSessionRequired  bool   `json:"backchannel_logout_session_required,omitempty" doc:"The application needs sid in the logout token; it is always there"`
	FrontchannelLogoutURI             string `json:"frontchannel_logout_uri,omitempty" doc:"Shown in an invisible frame when a person signs out, with iss and sid; of the origin of a redirect URI"`
	FrontchannelLogoutSessionRequired bool   `json:"frontchannel_logout_session_required,omitempty" doc:"The application needs iss and sid there; they are always there"`
}

// HearsOfLogout reports whether the client is told of ended sessions, and so has a use for their names.
func (c *Client) HearsOfLogout() bool {
	return c.BackchannelLogoutURI != "" || c.FrontchannelLogoutURI != ""
}

// checkLogout checks where the client is told of ended sessions: one address is called by us, the other by browsers.
func (c *Client) checkLogout(f *faults) {
	// Back-Channel Logout 1.0 §2.2, Front-Channel Logout 1.0 §2: absolute, https, perhaps with a query, without a fragment.
	for _, at := range []struct{ field, uri string }{
		{"backchannel_logout_uri", c.BackchannelLogoutURI}, {"frontchannel_logout_uri", c.FrontchannelLogoutURI},
	} {
		if at.uri != "" && (!isWebAddress(at.uri) || redirectURIFault(at.uri) != "") {
			f.add(at.field, "%s is no https address, or has a fragment. Write it in full, such as https://app.example/logout.", quote(at.uri))
		}
	}
	// Front-Channel Logout 1.0 §2: of the scheme, domain and port of a redirect URI, so that nobody has pages of others loaded.
	if c.FrontchannelLogoutURI != "" && !slices.ContainsFunc(c.RedirectURIs, func(uri string) bool { return OriginOf(uri) == OriginOf(c.FrontchannelLogoutURI) }) {
		f.add("frontchannel_logout_uri", "%s has not the scheme, host and port of a redirect URI of the client.", quote(c.FrontchannelLogoutURI))
	}
}

// LogoutFrame returns the address to be shown in a frame when the session ends that the client knows as sid: exactly iss and sid are
// added (Front-Channel Logout 1.0 §2).
func (c *Client) LogoutFrame(issuer, sid string) string {
	return WithQuery(c.FrontchannelLogoutURI, url.Values{"iss": {issuer}, "sid": {sid}})
}
