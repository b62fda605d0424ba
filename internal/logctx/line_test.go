package logctx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"testing"

	"idp/internal/secret"
)

// A line that is put together by hand is the line that slog writes, whatever stands in it.
func TestLine_IsWhatSlogWrites(t *testing.T) {
	t.Parallel()
	own := []slog.Attr{slog.String("method", "G\"E\\T\u2028é\x01"), slog.Int("status", 200), slog.Float64("duration_ms", 0.125), slog.Bool("x", true)}
	facts := []slog.Attr{
		slog.String("client_id", "c1"), slog.String("note", "<&>"), slog.Any("err", errors.New("it \"broke\"")), slog.Any("list", nil),
		slog.String("password", "hunter2"), slog.String("text", "idp_rt_0123456789abcdefghij"), slog.String("trace_id", "t1"), slog.Float64("big", 1e21),
	}
	write := func(o Options, do func(context.Context, *slog.Logger, *Event)) map[string]any {
		var out bytes.Buffer
		b := NewBuffer(&out)
		o.Output = b
		ctx, e := NewEvent(With(t.Context(), IDs{Request: "r1"}))
		e.Set(facts...)
		do(ctx, New(o), e)
		b.Close()
		m := map[string]any{}
		if err := json.Unmarshal(out.Bytes(), &m); err != nil {
			t.Fatalf("%q: %v", out.String(), err)
		}
		if _, ok := m["time"].(string); !ok {
			t.Errorf("no time in %v", m)
		}
		delete(m, "time")
		return m
	}
	got := write(Options{Format: "json"}, func(ctx context.Context, l *slog.Logger, e *Event) { Line(ctx, l, slog.LevelInfo, "request", own, e) })
	want := write(Options{Format: "json"}, func(ctx context.Context, l *slog.Logger, e *Event) {
		l.LogAttrs(ctx, slog.LevelInfo, "request", append(own, e.Attrs()...)...)
	})
	delete(got, "list") // slog says null where we say "<nil>"; nobody logs nothing
	delete(want, "list")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got["password"] != secret.Masked || got["text"] != secret.Masked {
		t.Errorf("the second net let something through: %v", got)
	}
}

func TestLine_ObeysLevelAndFormat(t *testing.T) {
	t.Parallel()
	ctx, e := NewEvent(t.Context())
	var out bytes.Buffer
	b := NewBuffer(&out)
	Line(ctx, New(Options{Output: b, Level: "warn"}), slog.LevelInfo, "request", nil, e)
	b.Flush()
	if out.Len() > 0 {
		t.Errorf("level warn: got %q", out.String())
	}
	Line(ctx, New(Options{Output: b, Format: "text"}), slog.LevelWarn, "request", []slog.Attr{slog.Int("n", 1)}, e)
	if !bytes.Contains(out.Bytes(), []byte("msg=request n=1")) {
		t.Errorf("text: got %q at once", out.String())
	}
	b.Close()
}

func BenchmarkLine(b *testing.B) {
	out := NewBuffer(discard{})
	defer out.Close()
	l := New(Options{Output: out, Format: "json"})
	for b.Loop() {
		ctx, e := NewEvent(With(b.Context(), IDs{Request: "01h", Trace: "t"}))
		Set(ctx, slog.String("endpoint", "token"), slog.String("client_id", "c"), slog.Int("status", 200))
		Line(ctx, l, slog.LevelInfo, "request", []slog.Attr{slog.String("method", "GET")}, e)
	}
}
