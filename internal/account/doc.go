// Package account holds what can be done with a person's account, whoever asks: pages, the admin API, the command line, an
// import, a seed file.
//
// It owns creating, changing, disabling and deleting users, setting passwords under the policy, what an upstream identity means
// for the accounts here (link, prove, provision, refuse), the first administrator and recovery. Every use case writes its audit
// event in its own transaction. It does not own checking passwords at sign-in (package auth), sessions (package session), the
// verification of an upstream's answer (package upstream), or who may ask: that is the caller's.
//
// Specs: OpenID Connect Core 1.0 §5.1 (what is known of a person) and §5.7 (identity is issuer and subject), NIST SP
// 800-63B-4 §3.1.1 (new passwords).
package account
