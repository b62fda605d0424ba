// Package clientauth decides which client sent a request to a back-channel endpoint (RFC 6749 §2.3).
//
// Today: client_secret_basic, client_secret_post and none. A client with a secret may use either unless an operator pins one:
// social-core exchanges with the one and refreshes with the other (RP-3). Using both in one request is refused.
package clientauth
