// Package protocol holds the black-box tests of the protocols: one file per specification, each test naming its clause or the
// row of the requirements that it proves. They speak HTTP and discovery only, to a server that package server started or, with
// IDP_E2E_URL, to any other: package server says what that one needs.
//
// It holds no test of pages in a real browser (e2e/browser) and none of other people's client libraries (e2e/clients).
package protocol
