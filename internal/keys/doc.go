// Package keys owns the keys that sign tokens, and those that others encrypt to us with: made at first start, published before they sign, rotated by schedule or on
// demand, kept in the JWKS until the last token they signed has expired, and shared by replicas through the database.
//
// It assembles and reads the compact form of the JWTs that this server signs itself (RFC 7515 §3.1, with the standard
// library's signatures); JWTs of others are read elsewhere, with go-jose. Private keys are sealed at rest and bound to their row.
package keys
