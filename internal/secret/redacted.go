package secret

import "log/slog"

const redactedText = "[redacted]"

// Redacted is a secret text that no formatter, encoder or logger prints: only Reveal gives it away.
type Redacted string

// Reveal returns the secret itself. Every call is a place to review.
func (r Redacted) Reveal() string { return string(r) }

// String returns a placeholder.
func (r Redacted) String() string { return redactedText }

// GoString returns a placeholder, for %#v.
func (r Redacted) GoString() string { return redactedText }

// LogValue returns a placeholder, for slog.
func (r Redacted) LogValue() slog.Value { return slog.StringValue(redactedText) }

// MarshalText returns a placeholder, for JSON, YAML and every other encoder: a secret that should be written is revealed
// on purpose.
func (r Redacted) MarshalText() ([]byte, error) { return []byte(redactedText), nil }
