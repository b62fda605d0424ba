// Package upstreamtest is a scripted OpenID Provider for tests: right by default, with one knob for each thing that can be broken.
//
// It is for every test that needs somebody else's provider: the verification in package upstream, account linking, the
// browser tests. Start listens on loopback and can be used by another process; NewInProcess has no socket, so that
// testing/synctest can move time. Nothing outside tests imports it.
package upstreamtest
