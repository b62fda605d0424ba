package logctx

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLine: whatever a request brings into the log, it is one line, which is one JSON object, and it says what was said.
func FuzzLine(f *testing.F) {
	f.Fuzz(func(t *testing.T, name, value string) {
		var out bytes.Buffer
		b := NewBuffer(&out)
		ctx, e := NewEvent(With(t.Context(), IDs{Request: value}))
		e.Set(slog.String("fact", value), slog.String("client_id", value))
		Line(ctx, New(Options{Output: b, Format: "json"}), slog.LevelInfo, "request", []slog.Attr{slog.String("own", value), slog.String("x"+name, "y")}, e)
		b.Close()
		line := out.String()
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "}\n") || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x00\x1b\r") {
			t.Fatalf("%q, %q: %q is not one line of text", name, value, line)
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q, %q: %q: %v", name, value, line, err)
		}
		if utf8.ValidString(value) && m["own"] != value {
			t.Fatalf("%q: the line says %q", value, m["own"])
		}
	})
}
