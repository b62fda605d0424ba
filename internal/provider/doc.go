// Package provider is what operators do with upstream providers: add, change, remove and test them. The API, and through it the command line, call these use
// cases; each writes its audit event in the transaction of the fact.
//
// What a row must satisfy, and whether two may share an issuer, is decided by package upstream. Requests read providers from the memory of package directory.
package provider
