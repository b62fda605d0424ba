// Package upstream signs people in at somebody else's provider: of OpenID Connect (Google, GitLab, a company's Entra tenant, another idp) or of plain
// OAuth 2 (GitHub).
//
// It owns the leg between this server and the upstream: what a provider row must satisfy (Validate), the authorization
// request (Begin), the callback with the code exchange, the ID token's verification or the reading of the user's answer (Finish), and the caches of
// discovery documents and keys. It does not own the browser binding and storage of Pending (handlers/pages), nor what becomes of
// the claims: linking, provisioning and sessions are package account's.
//
// Specifications: OpenID Connect Core 1.0 §3.1 and §5.3, OpenID Connect Discovery 1.0, RFC 6749 §4.1, RFC 7636 (S256 only),
// RFC 7515 to 7519, RFC 8725 (JWT best practice), RFC 9207 (iss in the authorization response), RFC 9700.
package upstream
