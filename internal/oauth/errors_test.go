package oauth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"

	"idp/internal/idp"
	"idp/internal/oauth/clientauth"
	"idp/internal/store/sqldb"
)

// Every row of the table from what went wrong to what the wire says (D9).
func TestWireError_HasARowForEachCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial /var/run/hidden.sock")
	for _, c := range []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"our own", fmt.Errorf("x: %w", &Error{Status: 413, Code: "invalid_request"}), 413, "invalid_request"},
		{"client authentication", fmt.Errorf("x: %w", &clientauth.Failure{Code: "invalid_client"}), 401, "invalid_client"},
		{"client authentication, malformed", &clientauth.Failure{Code: "invalid_request"}, 400, "invalid_request"},
		{"the database is away", fmt.Errorf("x: %w: %w", idp.ErrUnavailable, cause), 503, "temporarily_unavailable"},
		{"the database gave up", fmt.Errorf("%w: %w", sqldb.ErrRetry, idp.ErrUnavailable), 503, "temporarily_unavailable"},
		{"something says later", &idp.Error{Kind: idp.Unavailable, RetryAfter: 3 * time.Second}, 503, "temporarily_unavailable"},
		{"out of time", fmt.Errorf("x: %w", context.DeadlineExceeded), 503, "temporarily_unavailable"},
		{"text that is none", &idp.Error{Kind: idp.Invalid, Code: "invalid_text", Message: "Value 1 is not text."}, 400, "invalid_request"},
		{"unknown", cause, 500, "server_error"},
		{"a conflict that nobody expected", idp.ErrConflict, 500, "server_error"},
		{"engine: client", fosite.ErrInvalidClient, 401, "invalid_client"},
		{"engine: request", fosite.ErrInvalidRequest, 400, "invalid_request"},
		{"engine: grant", fosite.ErrInvalidGrant.WithWrap(cause).WithDebug(cause.Error()), 400, "invalid_grant"},
		{"engine: scope", fosite.ErrInvalidScope, 400, "invalid_scope"},
		{"engine: unauthorized client", fosite.ErrUnauthorizedClient, 400, "unauthorized_client"},
		{"engine: grant type", fosite.ErrUnsupportedGrantType, 400, "unsupported_grant_type"},
		{"engine: response type", fosite.ErrUnsupportedResponseType, 400, "unsupported_response_type"},
		{"engine: state", fosite.ErrInvalidState, 400, "invalid_request"},
		{"engine: entropy", fosite.ErrInsufficientEntropy, 400, "invalid_request"},
		{"engine: unauthorized", fosite.ErrRequestUnauthorized, 400, "access_denied"},
		{"engine: inactive", fosite.ErrInactiveToken, 400, "invalid_grant"},
		{"engine: scope not granted", fosite.ErrScopeNotGranted, 400, "access_denied"},
		{"engine: known jti", fosite.ErrJTIKnown, 401, "invalid_client"},
		{"engine: not found", fosite.ErrNotFound, 400, "invalid_grant"},
		{"engine: server", fosite.ErrServerError.WithWrap(cause), 500, "server_error"},
		{"engine: server, database away", fosite.ErrServerError.WithWrap(idp.ErrUnavailable), 503, "temporarily_unavailable"},
	} {
		e := wireError(c.err)
		if e.Status != c.status || e.Code != c.code {
			t.Errorf("%s: got %d %s, want %d %s", c.name, e.Status, e.Code, c.status, c.code)
		}
		if strings.Contains(e.Description, "hidden") {
			t.Errorf("%s: the description tells the cause: %s", c.name, e.Description)
		}
		if (e.Status == 503) != (e.RetryAfter > 0) {
			t.Errorf("%s: got Retry-After %v with %d", c.name, e.RetryAfter, e.Status)
		}
		if e.Status == 500 && e.Err == nil {
			t.Errorf("%s: the log does not hear of the cause", c.name)
		}
	}
	if got := wireError(&idp.Error{Kind: idp.Unavailable, RetryAfter: 3 * time.Second}).RetryAfter; got != 3*time.Second {
		t.Errorf("got Retry-After %v, want the one that was named", got)
	}
	for code := range engineCodes {
		if strings.ContainsAny(engineCodes[code], `" \`) {
			t.Errorf("%s becomes %q, which is no error code", code, engineCodes[code])
		}
	}
	if got := ascii("a\"b\\c\nd\x7fé"); got != "a'b/c d  " {
		t.Errorf("got %q, want what RFC 6749 §5.2 allows", got)
	}
}
