package api

import (
	"context"
	"net/http"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

const tagSessions = "sessions"

type (
	sessionIDInput struct {
		ID string `path:"session_id" maxLength:"64"`
	}
	logoutsInput struct {
		PageInput
		User    string `query:"user_id" maxLength:"255" doc:"Only of this user"`
		Session string `query:"session_id" maxLength:"64" doc:"Only of this session"`
		Client  string `query:"client_id" maxLength:"2048" doc:"Only to this client"`
	}
)

func (s *server) sessions() {
	add(s, operation{id: "list-sessions", method: http.MethodGet, path: "/sessions", summary: "List sessions that are live or can be restored", tag: tagSessions},
		func(ctx context.Context, in *PageInput) (*body[Page[Session]], error) {
			now := time.Now()
			list, err := s.Store.Sessions(ctx, store.Page{After: in.After, Limit: in.Limit}, now)
			if err != nil {
				return nil, err
			}
			return &body[Page[Session]]{page(list, in.Limit, func(v *idp.Session) string { return v.ID }, s.sessionView(now))}, nil
		})
	add(s, operation{id: "get-session", method: http.MethodGet, path: "/sessions/{session_id}", summary: "Show a session", tag: tagSessions},
		func(ctx context.Context, in *sessionIDInput) (*body[Session], error) {
			v, err := s.Store.Session(ctx, in.ID)
			if err != nil {
				return nil, missing("session", in.ID, err)
			}
			return &body[Session]{s.sessionView(time.Now())(v)}, nil
		})
	add(s, operation{id: "end-session", method: http.MethodDelete, path: "/sessions/{session_id}", summary: "End a session, with the tokens that do not outlive it", status: http.StatusNoContent, tag: tagSessions},
		func(ctx context.Context, in *sessionIDInput) (*nothing, error) {
			return &nothing{}, missing("session", in.ID, s.Sessions.EndByID(ctx, in.ID))
		})
	add(s, operation{id: "list-logouts", method: http.MethodGet, path: "/logouts", summary: "List what applications were told of ended sessions, newest first", tag: tagSessions},
		func(ctx context.Context, in *logoutsInput) (*body[Page[Logout]], error) {
			of := store.LogoutsOf{UserID: in.User, SessionID: in.Session, ClientID: in.Client}
			list, err := s.Store.Logouts(ctx, of, store.Page{After: in.After, Limit: in.Limit})
			if err != nil {
				return nil, err
			}
			return &body[Page[Logout]]{page(list, in.Limit, func(v *idp.Logout) string { return v.ID }, logoutView)}, nil
		})
}
