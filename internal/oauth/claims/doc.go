// Package claims decides what a client may be told about a user: scopes and the client's contract in, claims out.
//
// It is pure: no I/O, no clock. OpenID Connect Core §5.1 and §5.4 name the claims; requirement rows RP-7 and RP-11 say where they go.
package claims
