// Package jws takes tokens apart and checks their signatures for the black-box tests, on the standard library alone: the server's own
// library does not judge itself.
package jws
