// Package trace records why an authorization or token request was answered as it was: each check, what was expected, what came,
// and how to mend it, under an id that the error page and the log show.
//
// Traces are redacted by construction: callers record names, shapes and public values, and Fail hides what looks like a secret.
// They are written behind the requests in batches, so a request never waits for one; a full queue drops traces, never requests.
// Of successes and of failures a bounded number per second is kept, of failures many more.
package trace
