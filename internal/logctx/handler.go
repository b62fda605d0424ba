package logctx

import (
	"context"
	"io"
	"log/slog"
	"strings"
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

const redacted = "[redacted]"

// redact is the second net: the first is that secrets have types that do not print, and that nobody logs them.
func redact(groups []string, a slog.Attr) slog.Attr {
	if secretKey(a.Key) {
		return slog.String(a.Key, redacted)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		if secretText(a.Value.String()) {
			return slog.String(a.Key, redacted)
		}
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok && secretText(err.Error()) {
			return slog.String(a.Key, redacted)
		}
	}
	return a
}

// secretKey reports whether a value under this name can only be a secret. Names that merely resemble one (error_code,
// token_type, token_endpoint) stay readable.
func secretKey(key string) bool {
	key = strings.ReplaceAll(strings.ToLower(key), "-", "_")
	switch key {
	case "authorization", "proxy_authorization", "cookie", "cookies", "set_cookie", "code", "device_code", "user_code", "recovery_code", "otp", "totp",
		"token", "tokens", "id_token_hint", "access_token_hash", "secret", "secrets", "password", "passwords", "passphrase", "passwd", "pwd", "pin",
		"assertion", "client_assertion", "saml_response", "code_verifier", "private_key", "keyring", "dsn", "database_url", "credential", "credentials",
		"form", "body", "raw_query", "query", "session_cookie", "nonce", "request_object", "api_key", "apikey":
		return true
	}
	for _, suffix := range []string{"_token", "_secret", "_password", "_cookie", "_private_key", "_passphrase"} {
		if strings.HasSuffix(key, suffix) {
			return true
		}
	}
	return false
}

// secretText reports whether a text contains one of our own tokens (idp_rt_…, followed by at least 20 characters) or a JWT.
func secretText(s string) bool {
	for rest := s; ; {
		i := strings.Index(rest, "idp_")
		if i < 0 {
			break
		}
		rest = rest[i+len("idp_"):]
		kind, body, ok := strings.Cut(rest, "_")
		if ok && len(kind) >= 1 && len(kind) <= 4 && run(body, isTokenByte) >= 20 {
			return true
		}
	}
	for rest := s; ; { // a JWS or JWE begins with {" in base64url
		i := strings.Index(rest, "eyJ")
		if i < 0 {
			return false
		}
		rest = rest[i:]
		n := run(rest, isTokenByte)
		if n >= 10 && n+1 < len(rest) && rest[n] == '.' && run(rest[n+1:], isTokenByte) >= 10 {
			return true
		}
		rest = rest[max(n, 3):]
	}
}

// run counts the leading bytes of s that satisfy ok.
func run(s string, ok func(byte) bool) int {
	n := 0
	for n < len(s) && ok(s[n]) {
		n++
	}
	return n
}

func isTokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
