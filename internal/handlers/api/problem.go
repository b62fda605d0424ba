package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idp/internal/idp"
)

// CodePrecondition is the code of a change whose If-Match names another version.
const CodePrecondition = "precondition_failed"

// Problem is an error as a client gets it (RFC 9457).
type Problem struct {
	Type      string  `json:"type" doc:"Always about:blank: the code says what it is"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail" doc:"A sentence for people: the cause, and how to mend it"`
	Code      string  `json:"code" doc:"A stable word for programs"`
	Field     string  `json:"field,omitempty" doc:"The member or parameter at fault"`
	RequestID string  `json:"request_id,omitempty" doc:"The request's id in the log"`
	Errors    []Fault `json:"errors,omitempty" doc:"All faults, where there are several"`

	headers http.Header
}

// Fault is one of several faults.
type Fault struct {
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"`
	Detail string `json:"detail"`
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of problems.
func (p *Problem) ContentType(string) string { return idp.MediaProblem }

// GetHeaders returns headers that belong to the problem.
func (p *Problem) GetHeaders() http.Header { return p.headers }

func problem(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func (p *Problem) write(w http.ResponseWriter, r *http.Request) {
	p.RequestID = idp.PeerOf(r.Context()).RequestID
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", idp.MediaProblem)
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(p) // the client is gone: nobody is left to tell
	}
}

// refuse answers a request that was not let in (RFC 6750 §3).
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problemOf(r.Context(), err)
	challenge := ""
	switch p.Status {
	case http.StatusUnauthorized:
		challenge = `Bearer realm="idp"`
		if r.Header.Get("Authorization") != "" { // without credentials there is no error to name (RFC 6750 §3.1)
			challenge += `, error="` + idp.CodeInvalidToken + `"`
		}
	case http.StatusForbidden:
		p.Code = idp.CodeInsufficientScope
		challenge = `Bearer realm="idp", error="` + idp.CodeInsufficientScope + `", scope="` + Scope + `"`
	}
	if challenge != "" && w.Header().Get("WWW-Authenticate") == "" {
		p.headers = http.Header{"Www-Authenticate": {challenge}}
	}
	p.write(w, r)
}

// status is the one table from kinds of error to HTTP.
func status(kind idp.Kind) int {
	switch kind {
	case idp.Invalid:
		return http.StatusUnprocessableEntity
	case idp.Unauthenticated:
		return http.StatusUnauthorized
	case idp.Forbidden:
		return http.StatusForbidden
	case idp.NotFound:
		return http.StatusNotFound
	case idp.Conflict:
		return http.StatusConflict
	case idp.Gone:
		return http.StatusGone
	case idp.Throttled:
		return http.StatusTooManyRequests
	case idp.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// missing says what was not found where the store alone was asked. Other errors stay as they are.
func missing(noun, id string, err error) error {
	return missingOf(noun, id, noun+" list", err)
}

// missingOf is missing for what another command lists.
func missingOf(noun, id, command string, err error) error {
	if !errors.Is(err, idp.ErrNotFound) {
		return err
	}
	return &idp.Error{Kind: idp.NotFound, Code: "not_found", Message: fmt.Sprintf("There is no %s %.80q. `idp %s` shows all.", noun, id, command), Err: err}
}

// problemOf turns an error into what a client may know of it. The text of an error that is not classified, or of kind Internal, goes to the
// log alone.
func (s *server) problemOf(ctx context.Context, err error) *Problem {
	kind := idp.KindOf(err)
	var p *Problem
	found := slices.DeleteFunc(idp.Faults(err), func(e *idp.Error) bool { return e.Kind == idp.Internal })
	switch {
	case len(found) > 0:
		p = problem(status(kind), found[0].Code, found[0].Message)
		p.Field = found[0].Field
		if p.Code == CodePrecondition {
			p.Status, p.Title = http.StatusPreconditionFailed, http.StatusText(http.StatusPreconditionFailed)
		}
		if len(found) > 1 {
			for _, e := range found {
				p.Errors = append(p.Errors, Fault{Code: e.Code, Field: e.Field, Detail: e.Message})
			}
		}
		p.retryAfter(found[0].RetryAfter)
	case kind == idp.NotFound:
		p = problem(http.StatusNotFound, "not_found", "Nothing has this id.")
	case kind == idp.Conflict:
		p = problem(http.StatusConflict, "conflict", "It exists already, or somebody else changed it at the same time. Read it again, and repeat the change.")
	case kind == idp.Unavailable:
		p = problem(http.StatusServiceUnavailable, "unavailable", "The database does not answer. Try again in a moment.")
		p.retryAfter(time.Second)
	default:
		p = problem(http.StatusInternalServerError, "internal", "Something went wrong on the server. Its log has the cause under the request's id.")
	}
	if p.Status == http.StatusInternalServerError {
		s.Logger.ErrorContext(ctx, "api request failed", slog.Any("error", err))
	}
	p.RequestID = idp.PeerOf(ctx).RequestID
	return p
}

func (p *Problem) retryAfter(d time.Duration) {
	if d <= 0 && p.Status != http.StatusServiceUnavailable {
		return
	}
	p.headers = http.Header{"Retry-After": {strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))}}
}

// repair turns the framework's errors into ours. It drops the values that they echo: one may be a password.
func (s *server) repair(ctx huma.Context, _ string, body any) (any, error) {
	model, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	p := problem(model.Status, "invalid", "The request is not as the description of the interface says.")
	if model.Status >= http.StatusInternalServerError {
		s.Logger.ErrorContext(ctx.Context(), "api framework failed", slog.Any("error", errors.New(model.Detail)))
		p.Code, p.Detail = "internal", "Something went wrong on the server. Its log has the cause under the request's id."
	}
	for _, e := range model.Errors {
		if e == nil || model.Status >= http.StatusInternalServerError {
			continue
		}
		p.Errors = append(p.Errors, Fault{Code: "invalid", Field: field(e.Location), Detail: e.Message})
	}
	if len(p.Errors) > 0 {
		p.Field = p.Errors[0].Field
		p.Detail = "The request is not as the description of the interface says: " + strings.TrimPrefix(p.Field+": "+p.Errors[0].Detail, ": ") + "."
	} else if model.Status == http.StatusBadRequest {
		p.Detail = "The body is missing or is no JSON."
	}
	if len(p.Errors) == 1 {
		p.Errors = nil
	}
	p.RequestID = idp.PeerOf(ctx.Context()).RequestID
	return p, nil
}

// field is a location without the part of the request that it begins with.
func field(location string) string {
	if _, rest, found := strings.Cut(location, "."); found {
		return rest
	}
	return location
}

func (s *server) problemSchema() *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
}
