// Package clientkeys knows the public keys of clients: those that they registered (jwks), and those that they publish (jwks_uri), read through
// package outbound, kept for a while, and read again when something is signed with a key that nobody has seen.
//
// It verifies what a client signed and picks the key for what is encrypted to it. What the signed words mean, who they are for and whether they came
// before is the business of whoever asks: client assertions, request objects, logout. RFC 7517, RFC 7515, OpenID Connect Core §10.
package clientkeys
