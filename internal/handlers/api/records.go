package api

import (
	"context"
	"encoding/binary"
	"net/http"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

const tagRecords = "records"

type (
	auditInput struct {
		After  string    `query:"after" maxLength:"128" doc:"The cursor of the page before"`
		Limit  int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
		UserID string    `query:"user_id" maxLength:"255" doc:"Only events about this user"`
		Since  time.Time `query:"since" doc:"In place of after: events from this time on"`
	}
	traceInput struct {
		ID string `path:"trace_id" maxLength:"64"`
	}
)

func (s *server) whoami() {
	add(s, operation{id: "whoami", method: http.MethodGet, path: "/whoami", summary: "Say as whom you are seen", tag: "self"},
		func(ctx context.Context, _ *struct{}) (*body[Whoami], error) {
			actor := idp.PeerOf(ctx).Actor
			return &body[Whoami]{Whoami{Kind: actor.Kind, ID: actor.ID, Issuer: s.Issuer}}, nil
		})
}

// records are what was written down: audit events and traces.
func (s *server) records() {
	add(s, operation{id: "list-audit", method: http.MethodGet, path: "/audit", summary: "List audit events, oldest first", tag: tagRecords}, s.listAudit)
	add(s, operation{id: "get-trace", method: http.MethodGet, path: "/traces/{trace_id}", summary: "Show each check of one authorization or token request", tag: tagRecords},
		func(ctx context.Context, in *traceInput) (*body[Trace], error) {
			t, err := s.Store.Trace(ctx, in.ID, time.Now())
			if err != nil {
				return nil, err
			}
			out := Trace{ID: t.ID, At: t.At.UTC(), Endpoint: t.Endpoint, ClientID: t.ClientID, Outcome: t.Outcome, Checks: t.Checks, ExpiresAt: t.ExpiresAt.UTC()}
			if out.Checks == nil {
				out.Checks = []idp.Check{}
			}
			return &body[Trace]{out}, nil
		})
}

func (s *server) listAudit(ctx context.Context, in *auditInput) (*body[AuditPage], error) {
	after := in.After
	if !in.Since.IsZero() {
		if after != "" {
			return nil, idp.Invalidf("since", "There is an after and a since. Give one of them.")
		}
		after = firstID(in.Since)
	}
	list, err := s.Store.AuditEvents(ctx, in.UserID, store.Page{After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := AuditPage{Items: make([]AuditEvent, 0, len(list)), Cursor: after}
	for _, e := range list {
		out.Items = append(out.Items, auditView(e))
		out.Cursor = e.ID
	}
	return &body[AuditPage]{out}, nil
}

// firstID returns a text that sorts before every id of idp.NewID made at or after a time, and behind all made a millisecond earlier: ids
// begin with the time (RFC 9562 §5.7).
func firstID(at time.Time) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(max(0, at.UnixMilli()))<<16)
	return idp.EncodeID(b[:6])
}
