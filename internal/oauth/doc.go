// Package oauth is the protocol: the endpoints of OAuth 2 and OpenID Connect, one file each, over the engine fosite.
//
// It is the wall around the engine: nothing outside internal/oauth knows fosite. fosite carries a request through parsing,
// client look-up and the grants' handlers; checks that it gets wrong (ADR 0001) are made here first, and every answer is
// written here. Pages are not: where a person is needed the endpoint leaves an interaction and redirects to a page, and where
// no safe redirect exists it calls Config.Fail.
//
// Specs: RFC 6749, 6750, 7009, 7523, 7591, 7592, 7636, 7662, 8252, 8414, 8628, 8693, 8705, 8707, 9068, 9101, 9126, 9207, 9396, 9449, 9470, 9700, 9701,
// 9728; OpenID Connect Core, Discovery, Registration, CIBA and the four on logout; JARM. docs/spec/ has the clauses.
package oauth
