package logctx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"

	"idp/internal/secret"
)

// line logs once through do and returns the line as JSON.
func line(t *testing.T, do func(*slog.Logger)) map[string]any {
	t.Helper()
	var buf bytes.Buffer
	do(New(Options{Output: &buf}))
	m := make(map[string]any)
	if err := json.Unmarshal(buf.Bytes(), &m); err != nil {
		t.Fatalf("%q: %v", buf.String(), err)
	}
	return m
}

func TestHandler_KeepsTheContractOfSlog(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		buf.Reset()
		return New(Options{Output: &buf}).Handler()
	}, func(t *testing.T) map[string]any {
		m := make(map[string]any)
		if err := json.Unmarshal(buf.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	})
}

func TestHandler_IDsOfTheContextAreAtTheTopOfEveryLine(t *testing.T) {
	t.Parallel()
	ctx := With(t.Context(), IDs{Request: "r1", Client: "c1"})
	ctx = With(ctx, IDs{Trace: "t1"})
	for name, do := range map[string]func(*slog.Logger){
		"plain": func(l *slog.Logger) { l.InfoContext(ctx, "x") },
		"attrs": func(l *slog.Logger) { l.With("a", 1).InfoContext(ctx, "x") },
		"group": func(l *slog.Logger) { l.With("a", 1).WithGroup("g").With("b", 2).InfoContext(ctx, "x", "c", 3) },
	} {
		m := line(t, do)
		if m["request_id"] != "r1" || m["trace_id"] != "t1" || m["client_id"] != "c1" || m["user_id"] != nil {
			t.Errorf("%s: got %v, want request_id, trace_id and client_id", name, m)
		}
		if g, ok := m["g"].(map[string]any); name == "group" && (!ok || g["b"] != 2.0 || g["c"] != 3.0 || m["a"] != 1.0) {
			t.Errorf("group: got %v, want b and c in g, a outside", m)
		}
	}
}

func TestEvent_FactsOfHandlersMakeOneLine(t *testing.T) {
	t.Parallel()
	ctx, event := NewEvent(With(t.Context(), IDs{Request: "r1"}))
	Set(ctx, slog.String("endpoint", "token"), slog.String("client_id", "c1"))
	Set(ctx, slog.String("error_code", "invalid_grant"), slog.String("endpoint", "refresh"))
	if m := line(t, func(l *slog.Logger) { l.InfoContext(ctx, "in between") }); m["client_id"] != "c1" || m["error_code"] != nil {
		t.Errorf("a line in between: got %v, want the client and nothing else of the event", m)
	}
	var buf bytes.Buffer
	New(Options{Output: &buf}).LogAttrs(ctx, slog.LevelInfo, "request", event.Attrs()...)
	want := `"endpoint":"refresh","client_id":"c1","error_code":"invalid_grant","request_id":"r1"}`
	if got := strings.TrimSpace(buf.String()); !strings.HasSuffix(got, want) {
		t.Errorf("access line: got %s, want …%s", got, want)
	}
	if v, ok := event.Get("endpoint"); !ok || v.String() != "refresh" {
		t.Errorf("Get: got %v, %v", v, ok)
	}
	Set(t.Context(), slog.String("a", "b")) // no event: nothing happens
}

func TestEvent_IsBoundedAndConcurrent(t *testing.T) {
	t.Parallel()
	ctx, event := NewEvent(t.Context())
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { Set(ctx, slog.Int(fmt.Sprint("k", i), i)) })
	}
	wg.Wait()
	if got := len(event.Attrs()); got != maxFacts {
		t.Errorf("facts: got %d, want %d", got, maxFacts)
	}
}

func TestRedact_CatchesWhatLooksLikeASecret(t *testing.T) {
	t.Parallel()
	jwt := "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
	for _, tc := range []struct {
		key   string
		value any
		gone  bool
	}{
		{"password", "hunter2", true},
		{"Authorization", "Basic x", true},
		{"Set-Cookie", "a=b", true},
		{"code", "abc", true},
		{"refresh_token", "x", true},
		{"client_secret", "x", true},
		{"form", "password=x", true},
		{"token", 12345, true},
		{"note", "idp_rt_0123456789abcdefghij", true},
		{"note", "got " + jwt + " here", true},
		{"err", errors.New("parse " + jwt), true},
		{"error_code", "invalid_grant", false},
		{"token_type", "Bearer", false},
		{"token_endpoint", "https://a/token", false},
		{"client_id", "idp_short", false},
		{"status", 400, false},
		{"note", "eyJ is how a JWT begins", false},
		{"path", "/oauth2/token", false},
	} {
		m := line(t, func(l *slog.Logger) { l.Info("x", tc.key, tc.value) })
		if got := m[tc.key] == secret.Masked; got != tc.gone {
			t.Errorf("%s=%v: got %v, want redacted %v", tc.key, tc.value, m[tc.key], tc.gone)
		}
		m = line(t, func(l *slog.Logger) { l.WithGroup("g").With(tc.key, tc.value).Info("x") })
		if got := m["g"].(map[string]any)[tc.key] == secret.Masked; got != tc.gone {
			t.Errorf("in a group, %s=%v: got %v, want redacted %v", tc.key, tc.value, m, tc.gone)
		}
	}
}

func TestNew_TakesFormatAndLevel(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		o    Options
		json bool
	}{
		{Options{}, true}, {Options{TTY: true}, false}, {Options{Format: "json", TTY: true}, true}, {Options{Format: "text"}, false}, {Options{Format: "auto"}, true},
	} {
		var buf bytes.Buffer
		tc.o.Output = &buf
		l := New(tc.o)
		l.Debug("hidden")
		l.Info("shown")
		if got := json.Valid(buf.Bytes()); got != tc.json {
			t.Errorf("%+v: got %q, want JSON %v", tc.o, buf.String(), tc.json)
		}
	}
	if !New(Options{Level: "debug", Output: &bytes.Buffer{}}).Enabled(context.Background(), slog.LevelDebug) {
		t.Error("level debug: got disabled")
	}
}

func BenchmarkAccessLine(b *testing.B) {
	l := New(Options{Output: discard{}})
	for b.Loop() {
		ctx, e := NewEvent(With(b.Context(), IDs{Request: "01h", Trace: "t"}))
		Set(ctx, slog.String("endpoint", "token"), slog.String("client_id", "c"), slog.Int("status", 200))
		l.LogAttrs(ctx, slog.LevelInfo, "request", e.Attrs()...)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
