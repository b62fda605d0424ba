// Package oauth is the protocol: the endpoints of OAuth 2 and OpenID Connect, one file each, over the engine fosite.
//
// It is the wall around the engine: nothing outside internal/oauth knows fosite. fosite carries a request through parsing,
// client look-up and the grants' handlers; checks that it gets wrong (ADR 0001) are made here first, and every answer is
// written here. Pages are not: where a person is needed the endpoint leaves an interaction and redirects to a page, and where
// no safe redirect exists it calls Config.Fail.
//
// Specs: RFC 6749, 6750, 7009, 7636, 7662, 8252, 8414, 9068, 9207, 9700; OpenID Connect Core, Discovery, RP-Initiated Logout.
// docs/spec/ has the clauses.
package oauth
