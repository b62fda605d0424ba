package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"idp/internal/idp"
	"idp/internal/logctx"
	"idp/internal/oauth/clientauth"
	"idp/internal/trace"
)

// Error is an error as a protocol endpoint answers it (RFC 6749 §5.2, RFC 6750 §3.1).
type Error struct {
	Status      int
	Code        string
	Description string
	RetryAfter  time.Duration
	Err         error // for the log
}

// Error returns the description and, for the log, the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Code + ": " + e.Err.Error()
	}
	return e.Code + ": " + e.Description
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// engineCodes maps the engine's private or misplaced codes to those of the RFCs (D9). A code that is not here passes as it is.
var engineCodes = map[string]string{
	"invalid_state":        idp.CodeInvalidRequest,
	"insufficient_entropy": idp.CodeInvalidRequest,
	"request_unauthorized": idp.CodeAccessDenied,
	"scope_not_granted":    idp.CodeAccessDenied,
	"token_inactive":       idp.CodeInvalidGrant,
	"jti_known":            idp.CodeInvalidClient,
	"not_found":            idp.CodeInvalidGrant,
	"error":                idp.CodeServerError,
}

// wireError is the one table from what went wrong to what the wire says. What it does not know is server_error: its text reaches
// nobody outside.
func wireError(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var failed *clientauth.Failure
	if errors.As(err, &failed) {
		status := http.StatusUnauthorized
		if failed.Code != idp.CodeInvalidClient {
			status = http.StatusBadRequest
		}
		return &Error{Status: status, Code: failed.Code, Description: failed.Description}
	}
	if errors.Is(err, idp.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		retry, description := time.Second, "The server cannot reach its database. Try again in a moment."
		if e := new(idp.Error); errors.As(err, &e) && e.RetryAfter > 0 {
			retry, description = e.RetryAfter, cmp.Or(e.Message, description)
		}
		return &Error{Status: http.StatusServiceUnavailable, Code: idp.CodeTemporarilyUnavailable, Description: description, RetryAfter: retry, Err: err}
	}
	if known := new(idp.Error); errors.As(err, &known) && known.Kind == idp.Throttled {
		return &Error{Status: http.StatusTooManyRequests, Code: idp.CodeTemporarilyUnavailable, Description: known.Message, RetryAfter: known.RetryAfter, Err: err}
	}
	if known := new(idp.Error); errors.As(err, &known) && known.Kind == idp.Invalid {
		return &Error{Status: http.StatusBadRequest, Code: idp.CodeInvalidRequest, Description: known.Message, Err: err}
	}
	var engine *fosite.RFC6749Error
	if errors.As(err, &engine) && !errors.Is(err, fosite.ErrServerError) {
		e := &Error{Status: http.StatusBadRequest, Code: engine.ErrorField, Description: engine.DescriptionField, Err: err}
		if code, ok := engineCodes[e.Code]; ok {
			e.Code = code
		}
		if engine.HintField != "" {
			e.Description = engine.HintField
		}
		if e.Code == idp.CodeInvalidClient {
			e.Status = http.StatusUnauthorized
		}
		return e
	}
	return &Error{Status: http.StatusInternalServerError, Code: idp.CodeServerError, Description: "The server met an unexpected condition. Its log has the cause under the request's id.", Err: err}
}

// note puts the outcome into the access line, and an internal error into the log, once.
func (p *Provider) note(ctx context.Context, e *Error) {
	logctx.Set(ctx, slog.String("error_code", e.Code))
	if e.Status >= http.StatusInternalServerError {
		p.Logger.ErrorContext(ctx, "protocol endpoint failed", slog.String("error_code", e.Code), slog.Any("error", e.Err))
	}
}

// answerError writes an error of a back-channel endpoint as JSON (RFC 6749 §5.2), never cached. A failed client authentication
// says how to authenticate.
func (p *Provider) answerError(w http.ResponseWriter, r *http.Request, err error, traceID string) *Error {
	e := wireError(err)
	p.note(r.Context(), e)
	h := w.Header()
	if e.Code == idp.CodeInvalidClient {
		h.Set("WWW-Authenticate", "Basic "+p.realm+`, charset="UTF-8"`)
	}
	retryAfter(h, e.RetryAfter)
	body := map[string]string{"error": e.Code, "error_description": ascii(e.Description)}
	if traceID != "" {
		h.Set("X-Trace-Id", traceID)
	}
	writeJSON(w, e.Status, body)
	return e
}

// refuse answers a request of a back-channel endpoint with an error, which ends its trace.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, err error, t *trace.T) {
	e := p.answerError(w, r, err, t.ID)
	t.Refuse(e.Code, e.Description)
}

func retryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", strconv.Itoa(int((d+time.Second-1)/time.Second)))
	}
}

// writeJSON writes an answer that nobody may keep (RFC 6749 §5.1).
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, `{"error":"`+idp.CodeServerError+`"}`, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h["Content-Type"] = jsonType // shared: whoever changes one replaces it
	h["Cache-Control"] = noStore
	h["Pragma"] = noCache
	h["X-Content-Type-Options"] = nosniff
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client is gone if this fails
}

// ascii keeps a description to the characters that RFC 6749 §5.2 allows.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r == '\\':
			return '/'
		case r < 0x20 || r > 0x7e:
			return ' '
		}
		return r
	}, s)
}

// methodNotAllowed answers a wrong method and names the right ones.
func methodNotAllowed(w http.ResponseWriter, allow ...string) {
	w.Header().Set("Allow", strings.Join(allow, ", "))
	writeJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": idp.CodeInvalidRequest, "error_description": "This endpoint takes " + list(allow) + " only."})
}

func list(words []string) string { return strings.Join(words, " or ") }
