// Package jobs runs what must happen again and again beside the requests: purging what has expired, rotating signing keys,
// flushing what services keep in bounded queues.
//
// It owns every ticker of the program: a service offers a function that does the work once, and cmd/idp makes a Job of it. It
// knows no policy of its own; what a work does, and whether it is due, is the function's. Works of which one replica is enough
// stand under a lease in the database. No specification.
package jobs
