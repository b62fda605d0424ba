// Package mint makes and reads the tokens that clients get: access tokens (RFC 9068, or opaque for the clients that want that)
// and ID tokens (OpenID Connect Core §2). It writes no row for a JWT; an access token names its authorization in its jti, and
// whoever must know whether it still holds asks the store for that.
package mint
