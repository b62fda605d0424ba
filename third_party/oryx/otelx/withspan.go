// Copyright © 2023 Ory Corp
// SPDX-License-Identifier: Apache-2.0
// Changed: only End is kept, and it records no attributes.

// Package otelx stands in for the package of the same name of github.com/ory/x.
package otelx

import "go.opentelemetry.io/otel/trace"

// End finishes span. The error is the caller's to report.
func End(span trace.Span, _ *error) { span.End() }
