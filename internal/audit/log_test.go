package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/store/storetest"
)

type world struct {
	*store.Store
	log   *audit.Log
	lines *bytes.Buffer
}

func newWorld(t *testing.T) world {
	t.Helper()
	w := world{Store: storetest.New(t), lines: &bytes.Buffer{}}
	w.log = audit.New(audit.Config{Store: w.Store, Logger: slog.New(slog.NewJSONHandler(w.lines, nil))})
	return w
}

func (w world) events(t *testing.T) []*idp.AuditEvent {
	t.Helper()
	events, err := w.AuditEvents(t.Context(), "", store.Page{})
	if err != nil {
		t.Fatalf("list events: %v", err)
	}
	return events
}

// FL-18: one row with user, client, address, agent and time; one line; one count.
func TestAudit_EventIsOneRowOneLineAndOneCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := idp.WithPeer(t.Context(), idp.Peer{
		RequestID: "r1", Address: "192.0.2.7", UserAgent: "Mozilla/5.0", Actor: idp.Actor{Kind: audit.ActorUser, ID: "ann"},
	})
	err := w.log.Write(ctx, audit.Event{Type: audit.LoginOK, UserID: "ann", ClientID: "app", SessionID: "s1", Details: map[string]string{"method": "pwd"}})
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	events := w.events(t)
	if len(events) != 1 {
		t.Fatalf("got %d rows, want 1", len(events))
	}
	e := events[0]
	got := fmt.Sprintln(e.Type, e.ActorKind, e.ActorID, e.UserID, e.ClientID, e.SessionID, e.Address, e.UserAgent, e.RequestID, e.Details)
	want := fmt.Sprintln("login.ok", "user", "ann", "ann", "app", "s1", "192.0.2.7", "Mozilla/5.0", "r1", map[string]string{"method": "pwd"})
	if got != want {
		t.Errorf("got %swant %s", got, want)
	}
	if e.At.IsZero() || e.ID == "" {
		t.Errorf("got time %v, id %q", e.At, e.ID)
	}
	if n := strings.Count(w.lines.String(), "\n"); n != 1 || !strings.Contains(w.lines.String(), `"event":"login.ok"`) {
		t.Errorf("got %d lines, want 1: %s", n, w.lines)
	}
	if n := w.log.Counts()[audit.LoginOK]; n != 1 {
		t.Errorf("got a count of %d, want 1", n)
	}
}

func TestAudit_ActorOfTheEventGoesBeforeThePeers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := idp.WithPeer(t.Context(), idp.Peer{RequestID: "r", Actor: idp.Actor{Kind: audit.ActorOperator, ID: "root"}})
	for _, e := range []audit.Event{
		{Type: audit.UserCreated, ActorKind: audit.ActorSystem},
		{Type: audit.UserUpdated},
	} {
		if err := w.log.Write(ctx, e); err != nil {
			t.Fatalf("write %s: %v", e.Type, err)
		}
	}
	if err := w.log.Write(t.Context(), audit.Event{Type: audit.KeyRotated}); err != nil {
		t.Fatalf("write: %v", err)
	}
	for _, e := range w.events(t) {
		want := map[string]string{"user.created": "system ", "user.updated": "operator root", "key.rotated": "system "}[e.Type]
		if got := e.ActorKind + " " + e.ActorID; got != want {
			t.Errorf("%s: got actor %q, want %q", e.Type, got, want)
		}
	}
}

// The event and the fact stand or fall together.
func TestAudit_IsWrittenInTheCallersTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := errors.New("stop")
	err := w.InTx(t.Context(), func(ctx context.Context) error {
		if err := w.log.Write(ctx, audit.Event{Type: audit.UserCreated}); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatalf("got %v, want the caller's error", err)
	}
	if n := len(w.events(t)); n != 0 {
		t.Errorf("got %d rows after the rollback, want 0", n)
	}
}

// What outsiders wrote never makes an event fail, and never gets in as it is.
func TestAudit_CleansWhatOutsidersWrote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	token := ring.NewToken(secret.TokenRefresh, idp.NewID()).Text
	jwt := "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"
	ctx := idp.WithPeer(t.Context(), idp.Peer{
		RequestID: "r\r\n2", Address: strings.Repeat("1", 10_000), UserAgent: "a\x00b\xff" + strings.Repeat("é", 1000),
	})
	err = w.log.Write(ctx, audit.Event{Type: audit.LoginFailed, ClientID: token, Details: map[string]string{
		"identifier":    "line one\nline two\u2028three",
		"long":          strings.Repeat("é", 1000),
		"token_pasted":  "my token is " + token,
		"jwt_pasted":    jwt,
		"hash_pasted":   "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
		"password":      "hunter2",
		"client_secret": "s3cr3t",
		"at_the_cut":    strings.Repeat("x", 250) + token,
		"plain":         "https://app.example/cb?x=1",
	}})
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	e := w.events(t)[0]
	for key, want := range map[string]string{
		"identifier": "line oneline twothree", "token_pasted": "[redacted]", "jwt_pasted": "[redacted]", "hash_pasted": "[redacted]",
		"password": "[redacted]", "client_secret": "[redacted]", "at_the_cut": "[redacted]", "plain": "https://app.example/cb?x=1",
		"long": strings.Repeat("é", 128),
	} {
		if got := e.Details[key]; got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	if e.ClientID != "[redacted]" || e.RequestID != "r2" || len(e.Address) != 128 {
		t.Errorf("got client %q, request %q, address of %d bytes", e.ClientID, e.RequestID, len(e.Address))
	}
	if !utf8.ValidString(e.UserAgent) || len(e.UserAgent) > 256 || !strings.HasPrefix(e.UserAgent, "abé") {
		t.Errorf("got user agent %.40q of %d bytes", e.UserAgent, len(e.UserAgent))
	}
	for _, leak := range []string{token, jwt, "hunter2", "s3cr3t", "argon2id"} {
		if strings.Contains(w.lines.String(), leak) {
			t.Errorf("the log contains %q", leak)
		}
	}
}

// Faults of the program itself are errors, so that they are noticed before they are shipped.
func TestAudit_RefusesWhatTheProgramGotWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many := map[string]string{}
	for i := range 17 {
		many[fmt.Sprintf("k%d", i)] = "v"
	}
	for name, e := range map[string]audit.Event{
		"no type":          {},
		"type without dot": {Type: "login"},
		"type with spaces": {Type: "login.ok now"},
		"17 details":       {Type: audit.LoginOK, Details: many},
		"key in camelCase": {Type: audit.LoginOK, Details: map[string]string{"userAgent": "x"}},
		"key too long":     {Type: audit.LoginOK, Details: map[string]string{strings.Repeat("k", 41): "x"}},
	} {
		if err := w.log.Write(t.Context(), e); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
	if n := len(w.events(t)); n != 0 {
		t.Errorf("got %d rows, want 0", n)
	}
}
