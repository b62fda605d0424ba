// Package api is the administration interface, version 1: clients, users, sessions, keys, providers, audit events and traces as JSON
// over HTTP, below the issuer's path at /api/v1. Everything the command line does online goes through it (package apiclient).
//
// It decides nothing: a handler reads, calls a use case of the floor below, and answers. What it owns is the wire: OpenAPI 3.1 (openapi.json,
// generated), problem details (RFC 9457), JSON Merge Patch (RFC 7396), conditional requests (RFC 9110 §13) and keyset paging. Who may call is decided by
// the function it is given. Answers are never cached, and a secret is in none but the one that made it.
package api
