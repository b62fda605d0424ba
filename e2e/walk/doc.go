// Package walk is a person's browser for the black-box tests: a jar of cookies, redirects followed from host to host, forms filled in by the
// ids of their elements. It runs no script.
package walk
