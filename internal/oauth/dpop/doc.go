// Package dpop verifies DPoP proofs (RFC 9449): that a request comes from the holder of a key. It makes and checks the server's nonces too,
// which need no table: they are keyed and dated, so that every replica knows those of the others. Whether a proof comes for the first time is
// for the store to say; what a token is bound to, for package grant.
package dpop
