package logctx

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// Line writes the one line of a request: the facts of the frame, which made them itself and has nothing to hide in them, then those of
// the event, which go through the second net, then the ids of ctx. The line is what l.LogAttrs would write; where l writes JSON to a Buffer it is
// put together here, because a server writes one for every request.
func Line(ctx context.Context, l *slog.Logger, level slog.Level, message string, own []slog.Attr, e *Event) {
	if !l.Enabled(ctx, level) {
		return
	}
	h, ok := l.Handler().(*handler)
	if !ok || h.buffer == nil || !h.json || len(h.ops) > 0 {
		l.LogAttrs(ctx, level, message, append(own, e.Attrs()...)...)
		return
	}
	line := lines.Get().(*[]byte)
	b := append((*line)[:0], `{"time":"`...)
	b = time.Now().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, level.String()...)
	b = append(b, `","msg":`...)
	b = appendText(b, message)
	ids := From(ctx)
	for _, a := range own {
		b = appendFact(b, a)
	}
	e.mu.Lock()
	for _, a := range e.facts {
		switch a.Key { // said at the end
		case "client_id":
			ids.Client = a.Value.String()
		case "user_id":
			ids.User = a.Value.String()
		case "trace_id":
			ids.Trace = a.Value.String()
		default:
			b = appendFact(b, redact(nil, a))
		}
	}
	e.mu.Unlock()
	var buf [4]slog.Attr
	for _, a := range ids.attrs(buf[:0]) {
		b = appendFact(b, redact(nil, a))
	}
	b = append(b, "}\n"...)
	_, _ = h.buffer.Write(b)
	if level >= slog.LevelWarn {
		h.buffer.Flush()
	}
	*line = b
	lines.Put(line)
}

// lines are lent to one request after the other.
var lines = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// appendFact writes a member behind others, as slog's JSON handler does.
func appendFact(b []byte, a slog.Attr) []byte {
	b = append(b, ',')
	b = appendText(b, a.Key)
	b = append(b, ':')
	switch a.Value.Kind() {
	case slog.KindString:
		return appendText(b, a.Value.String())
	case slog.KindInt64:
		return strconv.AppendInt(b, a.Value.Int64(), 10)
	case slog.KindBool:
		return strconv.AppendBool(b, a.Value.Bool())
	case slog.KindFloat64:
		return strconv.AppendFloat(b, a.Value.Float64(), 'f', -1, 64)
	}
	if err, ok := a.Value.Any().(error); ok {
		return appendText(b, err.Error())
	}
	return appendText(b, a.Value.String())
}

// appendText writes a JSON string. What may need escaping is left to encoding/json.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == 0x7f {
			quoted, err := json.Marshal(s)
			if err != nil { // no string fails
				quoted = []byte(`""`)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
