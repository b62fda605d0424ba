// Package jobs runs the common works of all replicas again and again beside the requests: purging what has expired, rotating signing
// keys.
//
// A service offers a function that does the work once, and cmd/idp makes a Job of it. The package knows no policy of its own; what a
// work does, and whether it is due, is the function's. Works of which one replica is enough stand under a lease in the database. What
// each process must do for itself (writing down traces and uses of sessions, watching for changes) its own package runs. No specification.
package jobs
