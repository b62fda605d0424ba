// Copyright © 2023 Ory Corp
// SPDX-License-Identifier: Apache-2.0
// Changed: WithStack keeps the error as it is. A stack trace is 17 % of a client_credentials request in fosite, which
// answers "not mine" with an error, and nobody reads it: our own log line names the check that failed.

// Package errorsx stands in for the package of the same name of github.com/ory/x.
package errorsx

// Cause returns the underlying cause of err: the innermost error reached by Cause() error.
func Cause(err error) error {
	type causer interface{ Cause() error }
	for err != nil {
		c, ok := err.(causer)
		if !ok || c.Cause() == nil {
			break
		}
		err = c.Cause()
	}
	return err
}

// WithStack returns err unchanged; the original adds a stack trace.
func WithStack(err error) error { return err }

// The carriers are asserted by fosite's error type.
type (
	// StatusCodeCarrier is an error that knows its HTTP status code.
	StatusCodeCarrier interface{ StatusCode() int }
	// RequestIDCarrier is an error that knows the request that caused it.
	RequestIDCarrier interface{ RequestID() string }
	// ReasonCarrier is an error with a reason.
	ReasonCarrier interface{ Reason() string }
	// DebugCarrier is an error with debugging information.
	DebugCarrier interface{ Debug() string }
	// StatusCarrier is an error with a status text.
	StatusCarrier interface{ Status() string }
	// DetailsCarrier is an error with details.
	DetailsCarrier interface{ Details() map[string]interface{} }
	// IDCarrier is an error with an id.
	IDCarrier interface{ ID() string }
)
