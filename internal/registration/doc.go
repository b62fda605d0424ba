// Package registration is how applications make themselves known without an operator at hand: dynamic client registration and its
// management (RFC 7591, RFC 7592, OpenID Connect Dynamic Client Registration 1.0), software statements, and clients whose id is the
// address of a document (draft-ietf-oauth-client-id-metadata-document). It owns what such a client may ask for, and when one
// that nobody uses goes.
//
// What every registration must satisfy is idp.Client.Validate. Endpoints are package oauth's; what operators do with clients is package
// client's. Addresses that applications name are read through package outbound alone.
package registration
