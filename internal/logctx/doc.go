// Package logctx makes the program's *slog.Logger and gives every line the ids of the request it belongs to.
//
// The ids travel in the context (With). What handlers learn about a request travels in its Event (Set), from which the middleware
// writes one access line at the end. As a second net below the rule that secrets are never logged, attributes whose key or
// value looks like a secret are redacted. It does not write audit events, and it does not decide what is logged.
package logctx
