package store

import (
	"context"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
)

const auditCols = `id, at, type, actor_kind, actor_id, user_id, client_id, session_id, address, user_agent, request_id, details`

func scanAuditEvent(r sqldb.Row) (*idp.AuditEvent, error) {
	var e idp.AuditEvent
	var details string
	if err := r.Scan(&e.ID, &e.At, &e.Type, &e.ActorKind, &e.ActorID, &e.UserID, &e.ClientID, &e.SessionID, &e.Address, &e.UserAgent,
		&e.RequestID, &details); err != nil {
		return nil, err
	}
	return &e, fromJSON(details, &e.Details)
}

// AppendAudit writes an event in the caller's transaction. Events are never changed.
func (s *Store) AppendAudit(ctx context.Context, e *idp.AuditEvent) error {
	details, err := toJSON(e.Details)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, `INSERT INTO audit_events (`+auditCols+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		e.ID, e.At, e.Type, e.ActorKind, e.ActorID, e.UserID, e.ClientID, e.SessionID, e.Address, e.UserAgent, e.RequestID, details)
	return err
}

// AuditEvents lists events by id, which is by time; of one user if userID is not empty.
func (s *Store) AuditEvents(ctx context.Context, userID string, p Page) ([]*idp.AuditEvent, error) {
	if userID != "" {
		rows, err := s.db.Query(ctx, `SELECT `+auditCols+` FROM audit_events WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3`, userID, p.After, p.limit())
		return collect(rows, err, scanAuditEvent)
	}
	rows, err := s.db.Query(ctx, `SELECT `+auditCols+` FROM audit_events WHERE id > $1 ORDER BY id LIMIT $2`, p.After, p.limit())
	return collect(rows, err, scanAuditEvent)
}
