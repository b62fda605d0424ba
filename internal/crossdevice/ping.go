package crossdevice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"idp/internal/idp"
	"idp/internal/outbound"
	"idp/internal/outbox"
	"idp/internal/store"
)

const (
	pingLease = 30 * time.Second // longer than any attempt takes
	pingBusy  = 2 * time.Second  // until there may be a place in the line of the client's host
)

// pingAgain is how long after which attempt the next one comes; after the last the client has to poll.
func pingAgain() []time.Duration {
	return []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute}
}

// SendPings tells clients in mode ping that a person has decided (CIBA §10.2), as far as they are due, and returns how many were told and
// how many are given up. Every replica does it: a ping is one replica's at a time.
func (s *Service) SendPings(ctx context.Context, now time.Time) (delivered, failed int, err error) {
	return s.pings.Send(ctx, now)
}

// pingBox returns the outbox of pings.
func (s *Service) pingBox() *outbox.Box[*store.Ping] {
	return &outbox.Box[*store.Ping]{
		Claim: func(ctx context.Context, limit int, busy []string, now time.Time) ([]*store.Ping, error) {
			list, err := s.Store.ClaimPings(ctx, store.Claim{Limit: limit, Busy: busy, Lease: now.Add(pingLease), Now: now})
			if err != nil {
				err = fmt.Errorf("claim pings: %w", err)
			}
			return list, err
		},
		Client: func(p *store.Ping) string { return p.ClientID },
		Back: func(ctx context.Context, p *store.Ping) error {
			return s.Store.PutOffPing(ctx, p, time.Now().Add(pingBusy))
		},
		Try: func(ctx context.Context, p *store.Ping) (outbox.Result, error) {
			o := s.ping(ctx, p)
			if o.busy {
				return outbox.Untried, nil
			}
			err := s.settle(ctx, p, &o)
			switch {
			case o.fault == "":
				return outbox.Delivered, err
			case o.last:
				return outbox.GivenUp, err
			}
			return outbox.Again, err
		},
	}
}

// outcome is what came of an attempt.
type outcome struct {
	fault string // empty if the client was told
	last  bool   // another attempt would come to the same, or too late
	busy  bool   // none was made: the line of its host is full
}

// ping makes one attempt (CIBA §10.2): the auth_req_id as JSON, the client's own token as bearer.
func (s *Service) ping(ctx context.Context, p *store.Ping) outcome {
	text, err := s.Keyring.Open(p.Notify, noticeBinding(p.ID))
	if err != nil {
		return outcome{fault: "the notice cannot be opened: its key is not in the key ring any more", last: true}
	}
	var n notice
	if err := json.Unmarshal(text, &n); err != nil {
		return outcome{fault: "the notice cannot be read", last: true}
	}
	body, err := json.Marshal(map[string]string{"auth_req_id": n.AuthReqID})
	if err != nil {
		return outcome{fault: "the notice cannot be written", last: true}
	}
	answer, err := s.Outbound.Post(ctx, n.Endpoint, idp.MediaJSON, body, http.Header{"Authorization": {"Bearer " + n.Token}})
	switch {
	case err != nil:
		return outcome{fault: err.Error(), busy: errors.Is(err, outbound.ErrBusy)}
	case answer.Status == http.StatusNoContent || answer.Status == http.StatusOK:
		return outcome{}
	}
	// CIBA §10.2: a redirect is not followed, and who refuses the token would refuse it again.
	last := answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden || answer.Status >= 300 && answer.Status < 400
	return outcome{fault: "the client answered with status " + strconv.Itoa(answer.Status), last: last}
}

// settle writes down when the next attempt is due.
func (s *Service) settle(ctx context.Context, p *store.Ping, o *outcome) error {
	var due *time.Time
	if o.fault != "" && !o.last {
		again := pingAgain()
		o.last = p.Tries > len(again)
		if !o.last {
			at := time.Now().UTC().Add(again[p.Tries-1])
			if o.last = !at.Before(p.Expires); !o.last {
				due = &at
			}
		}
	}
	if o.fault != "" {
		s.Logger.WarnContext(ctx, "a client was not told of an answer", slog.String("client_id", p.ClientID), slog.String("request", p.ID),
			slog.Int("attempt", p.Tries), slog.Bool("given_up", o.last), slog.String("fault", o.fault))
	}
	if err := s.Store.SettlePing(ctx, p.ID, due); err != nil {
		return fmt.Errorf("settle the ping of %s: %w", p.ID, err)
	}
	return nil
}
