// Package directory keeps in memory what requests look up on every call and administrators change rarely: clients and upstream
// providers, parsed once.
//
// A Watcher hears of changes from other replicas (LISTEN/NOTIFY on PostgreSQL, and a look at the version table twice a
// second in any case) and drops what changed. Entries are shared between requests: nobody changes them.
package directory
