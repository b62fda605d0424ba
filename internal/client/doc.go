// Package client is what operators do with relying parties: create, change, give a new secret, delete, and keep a set of them in
// files. The API, and through it the command line, call these use cases; each writes its audit event in the transaction of the fact.
//
// What a registration must satisfy is decided by idp.Client.Validate. What a client may do with a request is package oauth's. Metadata are those of
// RFC 7591 and of OpenID Connect Dynamic Client Registration 1.0.
package client
