// Package grant holds the grants of the token endpoint, one file each, as fosite.TokenEndpointHandler: Handle checks and spends
// what the client presents, Populate makes the tokens.
//
// Where a code or refresh token is spent it is one conditional statement of package store, in Handle, before anything is signed:
// so the endpoint needs one round trip and no transaction. What fosite's own handlers do is written anew here because of their
// measured defects (PKCE bypass, double redemption, scope ignored on refresh); docs/adr/0001 says which.
package grant
