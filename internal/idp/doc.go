// Package idp holds the nouns of the identity provider and the kinds of error they can meet.
//
// It is the vocabulary that every other package may import: users, credentials, sessions, clients, grants,
// authorizations, signing keys, audit events. It does no I/O, declares no interfaces, and knows neither fosite nor
// net/http. What a client registration must satisfy is decided here (Client.Validate), so that the API, the CLI and the
// files apply one rule.
package idp
