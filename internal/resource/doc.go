// Package resource is what operators do with their protected resources (RFC 8707, RFC 9728): add, change and remove them. The API, and through it the command
// line, call these use cases; each writes its audit event in the transaction of the fact.
//
// What a resource must satisfy is decided by idp.Resource.Validate. Requests read resources from the memory of package directory.
package resource
