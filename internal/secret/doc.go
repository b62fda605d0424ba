// Package secret owns everything this program does with secrets: the key ring, encryption at rest bound to its row,
// keyed digests, opaque tokens, password hashing (ours and every foreign hash an import may bring), password policy, and
// the Redacted type that keeps secrets out of logs.
//
// It does not own storage, sessions, sign-in or signing keys (those of JWTs are in package keys): it takes and returns
// values, and reads no clock but for queueing.
//
// Specs: RFC 9106 (Argon2), RFC 5869 (HKDF), RFC 2104 (HMAC), NIST SP 800-38D (GCM), NIST SP 800-63B (passwords),
// RFC 6749 §10.3–10.4 and RFC 9700 §4.14 (tokens).
package secret
