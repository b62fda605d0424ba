// Package clients proves that applications written with unmodified client libraries work against the built binary: coreos/go-oidc with
// x/oauth2, panva's openid-client, Authlib, Flask-Dance and social-core (relying-parties.md §7).
//
// Each library has one small web application: apps/ (Python), node/ (JavaScript) and goapp/ (Go, in process). All have the same
// addresses: /login, /me, /userinfo, /refresh, /logout, /bye. docs/apps shows excerpts of them, and a test keeps the excerpts true. A story is
// told once and runs for every library; the browser in it follows redirects and forms from host to host as a person's does.
//
// What has no browser of its own is a program that talks with its test instead (node/flows.mjs, node/asks.mjs, program_test.go): oauth4webapi with device
// authorization, CIBA, token exchange, client credentials, pushed requests and signed answers; openid-client with the first three of them; and the client of the Model Context Protocol's SDK (node/tools.mjs). curl has
// the applications that prove themselves by a certificate.
//
// It needs Node.js 20 with npm, curl, and Debian's python3-authlib, python3-flask-dance and python3-social-auth-core for /usr/bin/python3
// (or IDP_TEST_PYTHON). What is missing is a failure that says what to install.
package clients
