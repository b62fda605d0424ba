// Package auth proves who somebody is: today by a password, later by a passkey, a code, a recovery code.
//
// It owns the order in which a proof is tried: find the user, ask the throttle, do the work of a hash whether or not there is a
// user, count and record what failed, replace an old hash. It does not own sessions, pages, accounts or the hash functions
// (package secret), and it records no success: whoever creates the session does so in the session's transaction.
//
// Specs: NIST SP 800-63B-4 §3.1.1 and §3.2.2, OWASP Authentication Cheat Sheet (one answer and equal work for every cause).
package auth
