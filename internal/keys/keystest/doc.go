// Package keystest gives tests a key manager without the wait for a new RSA key, and signs what they send.
//
// It is for every test that needs signing keys and is not about how they are made: those are in package keys. Nothing outside tests
// imports it.
package keystest
