// Package mint makes and reads the tokens that clients get: access tokens (RFC 9068, or opaque for the clients that want that),
// ID tokens (OpenID Connect Core §2), logout tokens, and answers as JWT (UserInfo, introspection, JARM), encrypted for the clients that
// registered for it. It writes no row for a JWT; an access token names its authorization in its jti, and
// whoever must know whether it still holds asks the store for that.
package mint
