// Command bench measures the release binary: requests per second, latency, CPU per operation and memory for each endpoint,
// beside what the same core can do at most. `make bench` runs it; docs/performance.md explains the figures.
//
// The server, with its PostgreSQL, is pinned to one core and the generator to another, so a figure says what one core is
// worth for the whole server side. The limits are measured in the same run on the same core: a bare net/http handler, bare
// signatures and password hashes, bare reads and commits of the database. Workers run in a closed loop, one kept-alive
// connection each. Only right answers count: each operation looks at status and content, and a wrong answer is an error.
//
// Everything runs on the loopback addresses and Unix sockets, in temporary folders, for a bounded time, and is gone afterwards.
// It needs Linux (/proc, taskset) and, for PostgreSQL, IDP_TEST_POSTGRES_BIN as scripts/with-postgres sets it. The server that
// scripts/with-postgres starts is not used: it does not sync to disk.
package main
