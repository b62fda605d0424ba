package pages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/session"
	"idp/internal/upstream"
)

func TestLoginStep_FollowsTheReason(t *testing.T) {
	t.Parallel()
	somebody := &session.Current{Session: &idp.Session{}, User: &idp.User{}}
	for _, c := range []struct {
		reason string
		c      *session.Current
		want   ui.LoginStep
	}{
		{interaction.ReasonNoSession, nil, ui.LoginFresh},
		{interaction.ReasonPromptLogin, nil, ui.LoginFresh},
		{interaction.ReasonPromptLogin, somebody, ui.LoginReauth},
		{interaction.ReasonMaxAge, somebody, ui.LoginReauth},
		{interaction.ReasonAlwaysReauthenticate, somebody, ui.LoginReauth},
		{interaction.ReasonClientMaxSessionAge, somebody, ui.LoginReauth},
		{interaction.ReasonHintMismatch, somebody, ui.LoginFresh},
		{interaction.ReasonSelectAccount, somebody, ui.LoginSelect},
		{interaction.ReasonNoSession, somebody, ui.LoginSelect}, // signed in meanwhile, in another tab
	} {
		if got := loginStep(c.reason, c.c); got != c.want {
			t.Errorf("%s, somebody signed in %t: %q, want %q", c.reason, c.c != nil, got, c.want)
		}
	}
}

func TestUpstreamPrompt_AsksThereWhatWasAskedHere(t *testing.T) { // PS-23
	t.Parallel()
	for reason, want := range map[string]string{
		interaction.ReasonNoSession: "", interaction.ReasonPromptLogin: "login", interaction.ReasonMaxAge: "login",
		interaction.ReasonSelectAccount: "select_account", interaction.ReasonHintMismatch: "select_account", interaction.ReasonNewScopes: "",
	} {
		if got := upstreamPrompt(reason); got != want {
			t.Errorf("%s: prompt %q, want %q", reason, got, want)
		}
	}
}

func TestRefusal_HasStatusAndWords(t *testing.T) { // FS-15, FB-9
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    error
		id     string
		wait   time.Duration
		status int
		ok     bool
	}{
		{"wrong", &idp.Error{Kind: idp.Unauthenticated, Code: "login_failed"}, ui.MsgBadCredentials, 0, http.StatusOK, true},
		{"too long", idp.Invalidf("password", "x"), ui.MsgPasswordTooLong, 0, http.StatusOK, true},
		{"throttled", &idp.Error{Kind: idp.Throttled, RetryAfter: time.Minute}, "", time.Minute, http.StatusTooManyRequests, true},
		{"throttled for no time", &idp.Error{Kind: idp.Throttled}, "", retryLater, http.StatusTooManyRequests, true},
		{"hash queue full", fmt.Errorf("verify: %w", &idp.Error{Kind: idp.Unavailable, Code: "busy"}), ui.MsgBusy, 0, http.StatusServiceUnavailable, true},
		{"database away", idp.ErrUnavailable, "", 0, 0, false},
		{"anything else", errors.New("x"), "", 0, 0, false},
	} {
		problems, wait, status, ok := refusal(c.err, ui.MsgBadCredentials)
		id := ""
		if len(problems) > 0 {
			id = problems[0].Message.ID
		}
		if id != c.id || wait != c.wait || status != c.status || ok != c.ok {
			t.Errorf("%s: %q, %s, %d, %t; want %q, %s, %d, %t", c.name, id, wait, status, ok, c.id, c.wait, c.status, c.ok)
		}
	}
}

func TestFailure_HasTheStatusOfItsKind(t *testing.T) { // architecture.md §8
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   string
		wait   bool
	}{
		{errors.New("SELECT secret"), 500, "", false},
		{idp.ErrUnavailable, 503, "", true},
		{context.DeadlineExceeded, 503, "unavailable", true},
		{fmt.Errorf("x: %w", idp.ErrNotFound), 404, "", false},
		{&idp.Error{Kind: idp.Gone, Code: "interaction_gone"}, 400, codeExpired, false},
		{&idp.Error{Kind: idp.Gone, Code: codeNoCookie}, 400, codeNoCookie, false},
		{&idp.Error{Kind: idp.Throttled}, 429, "", true},
		{&idp.Error{Kind: idp.Forbidden, Code: "x"}, 403, "x", false},
		{&http.MaxBytesError{Limit: 1}, 413, codeTooLarge, false},
		{failure(415, "invalid_request", "x"), 415, "invalid_request", false},
	} {
		f := failureOf(c.err)
		if f.Status != c.status || f.Code != c.code || (f.RetryAfter > 0) != c.wait {
			t.Errorf("%v: %d %q wait %s; want %d %q wait %t", c.err, f.Status, f.Code, f.RetryAfter, c.status, c.code, c.wait)
		}
		if f.Description == "SELECT secret" {
			t.Error("the text of an unclassified error is shown")
		}
	}
}

func TestUpstreamReason_NothingOfTheUpstreamAndNothingOfAccounts(t *testing.T) { // PS-18, PS-24
	t.Parallel()
	for _, c := range []struct {
		err     *idp.Error
		message string
		status  int
	}{
		{&idp.Error{Kind: idp.Forbidden, Code: upstream.CodeDenied}, ui.MsgUpstreamDenied, 200},
		{&idp.Error{Kind: idp.Forbidden, Code: upstream.CodeDomainDenied}, ui.MsgUpstreamNotAllowed, 403},
		{&idp.Error{Kind: idp.Invalid, Code: upstream.CodeFailed}, ui.MsgUpstreamInvalid, 400},
		{&idp.Error{Kind: idp.Unavailable, Code: upstream.CodeUnavailable}, ui.MsgUpstreamDown, 503},
		{&idp.Error{Kind: idp.Unavailable, Code: upstream.CodeMisconfigured}, ui.MsgUpstreamDown, 503},
		{&idp.Error{Kind: idp.Unauthenticated, Code: "login_failed"}, ui.MsgUpstreamNotAllowed, 403},
	} {
		message, status := upstreamReason(c.err)
		if message != c.message || status != c.status {
			t.Errorf("%s: %s %d, want %s %d", c.err.Code, message, status, c.message, c.status)
		}
	}
}

func TestScopes_AsTheAuthorizationEndpointReadsThem(t *testing.T) { // RFC 6749 §3.3
	t.Parallel()
	client := &idp.Client{Scopes: []string{"openid", "email", "offline_access"}}
	for asked, want := range map[string][]string{
		"":                        {"openid", "email"},
		"email openid openid":     {"email", "openid"},
		"openid offline_access":   {"offline_access", "openid"},
		"openid not-theirs":       {"openid"},
		"  openid \t email\n    ": {"email", "openid"},
	} {
		v := &visit{client: client, params: url.Values{"scope": {asked}}}
		if got := scopes(v); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", asked, got, want)
		}
	}
}

func TestRedirectHost_NamesWhereTheAnswerGoes(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"https://app.example/cb": "app.example", "http://127.0.0.1:51004/cb": "127.0.0.1:51004", "com.example.app:/cb": "com.example.app:", "": "only.example",
	} {
		v := &visit{client: &idp.Client{ID: "x", RedirectURIs: []string{"https://only.example/"}}, params: url.Values{"redirect_uri": {uri}}}
		if got := redirectHost(v); got != want {
			t.Errorf("%q: %q, want %q", uri, got, want)
		}
	}
}
