// Package handlers is the frame around everything that is served: the table of routes, what every request goes through before
// and after its handler, CORS, health, metrics, and the operators' side.
//
// It mounts the pages, the protocol endpoints and the admin API, and is the only package that knows all three. It decides
// nothing about people or tokens. Nothing it does depends on the Host header or on what a client says of its address: the issuer
// is configuration, and only configured proxies are believed.
//
// Specs: RFC 9110 §15 (status), Fetch Standard (CORS), RFC 6797 (HSTS), RFC 8615 (well-known URIs), change-password URL.
package handlers
