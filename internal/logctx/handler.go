package logctx

import (
	"context"
	"io"
	"log/slog"

	"idp/internal/secret"
)

// Options says how lines look.
type Options struct {
	Output io.Writer
	Level  string         // debug, info, warn, error; empty = info
	Adjust *slog.LevelVar // nil, or what changes the level later
	Format string         // json, text; anything else = text if TTY, else json
	TTY    bool           // Output is a terminal
}

// New returns the program's logger.
func New(o Options) *slog.Logger {
	h := &slog.HandlerOptions{Level: LevelOf(o.Level), ReplaceAttr: redact}
	if o.Adjust != nil {
		o.Adjust.Set(LevelOf(o.Level))
		h.Level = o.Adjust
	}
	var lines slog.Handler = slog.NewJSONHandler(o.Output, h)
	text := o.Format == "text" || o.Format != "json" && o.TTY
	if text {
		lines = slog.NewTextHandler(o.Output, h)
	}
	root := newHandler(lines)
	root.json = !text
	root.buffer, _ = o.Output.(*Buffer)
	return slog.New(root)
}

// LevelOf returns the level of a name; info for what is none.
func LevelOf(name string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo
	}
	return level
}

// handler adds the ids of the context at the top level of a line.
type handler struct {
	root    slog.Handler                      // without groups and attributes
	applied slog.Handler                      // with them
	ops     []func(slog.Handler) slog.Handler // what leads from root to applied
	grouped bool
	json    bool    // the format of the lines
	buffer  *Buffer // nil if lines are written one by one
}

func newHandler(h slog.Handler) *handler { return &handler{root: h, applied: h} }

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.applied.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	err := h.handle(ctx, r)
	if h.buffer != nil && r.Level >= slog.LevelWarn {
		h.buffer.Flush()
	}
	return err
}

func (h *handler) handle(ctx context.Context, r slog.Record) error {
	var buf [4]slog.Attr
	ids := From(ctx).subject(ctx).attrs(buf[:0])
	if len(ids) == 0 {
		return h.applied.Handle(ctx, r)
	}
	if h.grouped {
		// Inside a group the ids would become members of it, so they go in below the groups.
		under := h.root.WithAttrs(ids)
		for _, op := range h.ops {
			under = op(under)
		}
		return under.Handle(ctx, r)
	}
	r.Attrs(func(a slog.Attr) bool { // what the line says itself is not said twice
		for i := range ids {
			if ids[i].Key == a.Key {
				ids = append(ids[:i], ids[i+1:]...)
				break
			}
		}
		return true
	})
	r = r.Clone()
	r.AddAttrs(ids...)
	return h.applied.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(inner slog.Handler) slog.Handler { return inner.WithAttrs(attrs) }, false)
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return h.with(func(inner slog.Handler) slog.Handler { return inner.WithGroup(name) }, name != "")
}

func (h *handler) with(op func(slog.Handler) slog.Handler, group bool) *handler {
	ops := append(h.ops[:len(h.ops):len(h.ops)], op)
	return &handler{root: h.root, applied: op(h.applied), ops: ops, grouped: h.grouped || group, json: h.json, buffer: h.buffer}
}

// redact is the second net: the first is that secrets have types that do not print, and that nobody logs them.
func redact(_ []string, a slog.Attr) slog.Attr {
	if secret.InName(a.Key) {
		return slog.String(a.Key, secret.Masked)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		if secret.InText(a.Value.String()) {
			return slog.String(a.Key, secret.Masked)
		}
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok && secret.InText(err.Error()) {
			return slog.String(a.Key, secret.Masked)
		}
	}
	return a
}
