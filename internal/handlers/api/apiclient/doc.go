// Package apiclient is the administration interface seen from a Go program: one method for each operation, the wire's own types, and errors
// as *idp.Error. The command line uses it over the network, and in process over the same handler.
package apiclient
