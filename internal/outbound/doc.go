// Package outbound is the one HTTP client for addresses that outsiders name: a client's jwks_uri, its notification endpoints, a client ID that is
// a URL. Whoever registers a client could otherwise have this server call what only it can reach (server-side request forgery).
//
// It owns https, the refusal of private addresses at the moment of connecting (so that no answer of a name server gets around it), and the
// bounds on time, size, redirects and how much is under way at once for each host. It does not own what is read: callers check content types and parse. Addresses that
// operators name, such as upstream providers, are not its business.
package outbound
