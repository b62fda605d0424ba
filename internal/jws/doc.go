// Package jws says which key an algorithm takes and verifies what others signed with it: assertions and request objects of clients, DPoP proofs, ID
// tokens of upstreams. What this server signs is made and verified by package keys.
//
// It is the library's verification with one name more: Ed25519, which RFC 9864 §2.2 registered for what EdDSA means with such a key. Newer client
// libraries write it wherever they hold one.
package jws
