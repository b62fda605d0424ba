// Package outbox sends what waits in the database to the clients that are to hear it: many at once and few to one client, so that one that
// hangs, or has much to hear, holds nobody else up.
//
// It owns who comes next. It does not own what is sent, nor what is written of it, nor the bounds for each host (internal/outbound). Notices are
// logout tokens (internal/oauth) and pings (internal/crossdevice). No specification.
package outbox
