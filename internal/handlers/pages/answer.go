package pages

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/logctx"
)

// Words of ui.FailureOf that several places need.
const (
	codeNoCookie  = "cookies_missing"
	codeExpired   = "interaction_expired"
	codeCrossSite = "cross_site"
	codeTooLarge  = "too_large"
)

// retryLater is told where an error names no time of its own.
const retryLater = 5 * time.Second

// Failure is an error page that somebody else asks for: the protocol endpoints, or the table of routes.
type Failure struct {
	Status      int
	Code        string
	Description string // technical words, shown
	TraceID     string
	RedirectURI string // as received, where it is the cause; shown as text (FD-17)
	About       string // a word of ui.FailureOf whose sentences fit better than those of Code
	ClientID    string
	RetryAfter  time.Duration
	LoopCount   int           // of a redirect_loop: so many answers
	LoopWindow  time.Duration // within this time
}

// answer is a handler that leaves its errors to page or form.
type answer func(w http.ResponseWriter, r *http.Request) error

// page wraps the handler of a GET.
func (p *Pages) page(h answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			p.fail(w, r, err)
		}
	}
}

// form wraps the handler of a POST: it sees only forms that were made for this browser (FS-47, SEC-5).
func (p *Pages) form(h answer) http.HandlerFunc {
	return p.page(func(w http.ResponseWriter, r *http.Request) error {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != idp.MediaForm {
			// Anything else is not from a page of ours; text/plain is what another site can send without asking.
			return failure(http.StatusUnsupportedMediaType, idp.CodeInvalidRequest, "Forms are sent as application/x-www-form-urlencoded.")
		}
		if err := p.Sessions.CheckCSRF(r); err != nil {
			return p.refusedForm(w, r, err)
		}
		return h(w, r)
	})
}

// refusedForm tells a browser that keeps no cookies from a forged form, as far as one can.
func (p *Pages) refusedForm(w http.ResponseWriter, r *http.Request, err error) error {
	if idp.KindOf(err) != idp.Forbidden {
		return err
	}
	cookies := len(w.Header()["Set-Cookie"])
	p.Sessions.Browser(w, r)
	code := codeCrossSite
	if len(w.Header()["Set-Cookie"]) > cookies {
		code = codeNoCookie
	}
	return &statusError{status: http.StatusForbidden, code: code, err: err}
}

// statusError is an error whose status says more than its kind.
type statusError struct {
	status int
	code   string
	text   string
	err    error
}

// Error returns the text for the log.
func (e *statusError) Error() string {
	if e.err != nil {
		return e.err.Error()
	}
	return e.text
}

// Unwrap returns the cause.
func (e *statusError) Unwrap() error { return e.err }

func failure(status int, code, text string) error {
	return &statusError{status: status, code: code, text: text}
}

// fail answers an error of a page's handler. Text of an error that is not classified reaches nobody.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := failureOf(err)
	if f.Status == http.StatusInternalServerError || f.Status == http.StatusServiceUnavailable {
		p.report(r.Context(), f.Status, err)
	}
	p.Error(w, r, f)
}

// report logs an error once, at the edge. A browser that went away is nobody's fault.
func (p *Pages) report(ctx context.Context, status int, err error) {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return
	}
	if status == http.StatusServiceUnavailable {
		p.Logger.WarnContext(ctx, "page not available", slog.Any("error", err))
		return
	}
	p.Logger.ErrorContext(ctx, "page failed", slog.Any("error", err))
}

// failureOf says how an error is shown.
func failureOf(err error) Failure {
	var big *http.MaxBytesError
	var own *statusError
	var known *idp.Error
	switch {
	case errors.As(err, &big):
		return Failure{Status: http.StatusRequestEntityTooLarge, Code: codeTooLarge, Description: "The form is larger than this server takes."}
	case errors.As(err, &own):
		return Failure{Status: own.status, Code: own.code, Description: own.text}
	case errors.Is(err, context.DeadlineExceeded):
		return Failure{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: retryLater}
	}
	f := Failure{Status: statusOf(idp.KindOf(err))}
	if !errors.As(err, &known) {
		if f.Status == http.StatusServiceUnavailable {
			f.RetryAfter = retryLater
		}
		return f
	}
	f.Code, f.RetryAfter = known.Code, known.RetryAfter
	switch {
	case known.Kind == idp.Gone:
		if f.Code != codeNoCookie {
			f.Code = codeExpired
		}
	case known.Kind == idp.Unavailable || known.Kind == idp.Throttled:
		if f.RetryAfter <= 0 {
			f.RetryAfter = retryLater
		}
	case known.Kind == idp.Invalid:
		f.Description = known.Message
	}
	return f
}

// statusOf returns the status of a kind. What is gone is a 400: whether a handle expired or was another browser's is not told
// apart (PS-14).
func statusOf(kind idp.Kind) int {
	switch kind {
	case idp.Invalid, idp.Gone:
		return http.StatusBadRequest
	case idp.Unauthenticated, idp.Forbidden:
		return http.StatusForbidden
	case idp.NotFound:
		return http.StatusNotFound
	case idp.Conflict:
		return http.StatusConflict
	case idp.Throttled:
		return http.StatusTooManyRequests
	case idp.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Error answers with an error page. The reference on it is the request's trace, or else the request's own id.
func (p *Pages) Error(w http.ResponseWriter, r *http.Request, f Failure) {
	ctx := r.Context()
	view := ui.FailureOf(f.Status, f.Code)
	if f.About != "" {
		about := ui.FailureOf(f.Status, f.About)
		view.Sentence, view.Mend = about.Sentence, about.Mend
	}
	if view.Code == "" {
		view.Code = "internal"
		if f.Status == http.StatusServiceUnavailable {
			view.Code = "unavailable"
		} else if f.Status == http.StatusNotFound {
			view.Code = "not_found"
		}
	}
	view.Detail, view.TraceID, view.RedirectURI, view.ClientID = bounded(f.Description), f.TraceID, bounded(f.RedirectURI), bounded(f.ClientID)
	if view.TraceID == "" {
		view.TraceID, view.Untraced = idp.PeerOf(ctx).RequestID, true
	}
	if f.ClientID != "" {
		// An unknown client, or a database that is away: the page shows what was received.
		if c, err := p.Clients.Get(ctx, f.ClientID); err == nil {
			view.Client = ui.ClientOf(c)
		}
	}
	if f.RetryAfter > 0 {
		setRetryAfter(w, f.RetryAfter)
	}
	logctx.Set(ctx, slog.String("error_code", view.Code))
	var page ui.View = view
	if f.Code == "redirect_loop" {
		page = loop(r, f, view)
	}
	p.UI.Render(w, ui.Page{Locale: p.locale(r, ""), View: page}, f.Status)
}

// loop is the page that ends a circle of sign-ins (FD-3).
func loop(r *http.Request, f Failure, page ui.Failure) ui.Loop {
	view := ui.Loop{Client: page.Client, Count: f.LoopCount, Window: f.LoopWindow, TraceID: page.TraceID}
	if r.Method == http.MethodGet && len(r.URL.Path) > 1 && r.URL.Path[1] != '/' {
		view.RetryURL = r.URL.EscapedPath() + "?" + r.URL.RawQuery
	}
	return view
}

// bounded cuts what a stranger wrote to what fits on a page.
func bounded(s string) string {
	const most = 2 << 10
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// setRetryAfter writes whole seconds, rounded up.
func setRetryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int((d+time.Second-1)/time.Second))))
}
