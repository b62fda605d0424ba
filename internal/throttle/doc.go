// Package throttle slows down guessing, by account and by address.
//
// The first failures cost nothing; after them each one doubles the wait before the next try, up to a limit. Nobody is locked
// out: a browser that the account signed in with before does not wait for what strangers did, only for its own address. Keys
// are keyed digests, so that the table names nobody, and an account that does not exist is throttled like one that does. What
// bounds all sign-ins together is the queue of secret.Hasher.
//
// Rate bounds what is no guess, but fills memory or tables: sign-ins that begin, requests that are pushed.
//
// NIST SP 800-63B-4 §3.2.2.
package throttle
