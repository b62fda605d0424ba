// Package clientauth decides which client sent a request to a back-channel endpoint (RFC 6749 §2.3): client_secret_basic and _post, client_secret_jwt
// and private_key_jwt (RFC 7523 §3, OpenID Connect Core §9), tls_client_auth and self_signed_tls_client_auth (RFC 8705 §2), and none.
//
// A client may use any of the methods that it is registered for, one in each request. With a secret that is both ways of sending it, unless an
// operator pins one: social-core exchanges with the one and refreshes with the other (RP-3).
package clientauth
