// Package panics turns a panic into an error. Outside of a request nothing else catches one, and what an outsider sends or serves must not end the whole
// service: so each goroutine of the server that reads such texts, or runs for ever, calls what it does through here.
//
// It owns how a caught panic reads. Its caller logs it, like any other error. Requests have their own net (internal/handlers), and a destination of a shared
// trip panics at its owner (internal/store/sqldb). No specification.
package panics
