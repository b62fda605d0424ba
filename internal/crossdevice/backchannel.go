package crossdevice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store"
)

const (
	// backchannelInterval is how often a client may ask.
	backchannelInterval = 5 * time.Second
	// perUser is how many questions may wait for one person: nobody is to allow one because there are so many (CIBA §15).
	perUser = 10
)

// Question is what a client asks of a person behind the scenes (CIBA §7.1).
type Question struct {
	Ask
	UserID         string
	BindingMessage string
	Life           time.Duration
	NotifyToken    string // the client's, for mode ping; empty for poll
}

// notice is what a ping needs. It is sealed: the client's token is a secret, and so is the auth_req_id.
type notice struct {
	AuthReqID string `json:"auth_req_id"`
	Token     string `json:"token"`
	Endpoint  string `json:"endpoint"`
}

func noticeBinding(id string) secret.Binding {
	return secret.Binding{Table: "pending_authorizations", Column: "notify", Row: id}
}

// AskPerson keeps a question until the person answers, and returns the auth_req_id and the interval of polls. Few questions wait for one person: whoever is
// asked again and again says yes in the end (RFC 10027 §6.1.11).
func (s *Service) AskPerson(ctx context.Context, q Question, now time.Time) (authReqID string, interval time.Duration, err error) {
	peer, now := idp.PeerOf(ctx), now.UTC().Truncate(time.Microsecond)
	p := &idp.PendingAuthorization{
		ID: idp.NewID(), Kind: idp.PendingBackchannel, ClientID: q.Client.ID, UserID: q.UserID, Scopes: q.Scopes, Audience: q.Audience,
		Request: idp.PendingRequest{
			Address: peer.Address, UserAgent: peer.UserAgent, TraceID: q.TraceID, BindingMessage: q.BindingMessage, ACRValues: q.ACRValues, Details: q.Details,
		},
		Interval: backchannelInterval, CreatedAt: now, ExpiresAt: now.Add(q.Life),
	}
	token := s.Keyring.NewToken(secret.TokenAuthReq, p.ID)
	keys := store.PendingKeys{Digest: token.Digest}
	if q.Client.DeliveryMode == idp.DeliveryPing {
		text, err := json.Marshal(notice{AuthReqID: token.Text, Token: q.NotifyToken, Endpoint: q.Client.NotificationEndpoint})
		if err == nil {
			keys.Notify, err = s.Keyring.Seal(text, noticeBinding(p.ID))
		}
		if err != nil {
			return "", 0, fmt.Errorf("keep whom to tell of an answer: %w", err)
		}
	}
	// Not by address: of a client's server all come from one.
	if err := s.create(ctx, p, keys, store.PendingBounds{PerClient: perClient, PerUser: perUser}); err != nil {
		return "", 0, err
	}
	return token.Text, p.Interval, nil
}

// Questions lists what waits for a person's answer.
func (s *Service) Questions(ctx context.Context, userID string) ([]*idp.PendingAuthorization, error) {
	return s.Store.PendingOf(ctx, userID, time.Now())
}

// ByAuthReqID returns the question of an auth_req_id, for development alone. What waits for nobody is an error of kind Gone.
func (s *Service) ByAuthReqID(ctx context.Context, text string) (*idp.PendingAuthorization, error) {
	token, ok := s.Keyring.ParseToken(secret.TokenAuthReq, text)
	if !ok {
		return nil, gone(nil)
	}
	p, err := s.Store.PendingByToken(ctx, idp.PendingBackchannel, token.ID, token.Digest, time.Now())
	if errors.Is(err, idp.ErrNotFound) {
		return nil, gone(err)
	}
	return p, err
}
