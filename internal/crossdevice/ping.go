package crossdevice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"idp/internal/store"
)

const (
	pingBatch  = 16               // posts at once
	pingRounds = 64               // batches in one run
	pingLease  = 30 * time.Second // longer than any attempt takes
)

// pingAgain is how long after which attempt the next one comes; after the last the client has to poll.
func pingAgain() []time.Duration {
	return []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute}
}

// SendPings tells clients in mode ping that a person has decided (CIBA §10.2), as far as they are due, and returns how many were told and
// how many are given up. Every replica does it: a ping is one replica's at a time.
func (s *Service) SendPings(ctx context.Context, now time.Time) (delivered, failed int, err error) {
	for range pingRounds {
		list, err := s.Store.ClaimPings(ctx, pingBatch, now.Add(pingLease), now)
		if err != nil {
			return delivered, failed, fmt.Errorf("claim pings: %w", err)
		}
		var running sync.WaitGroup
		outcomes, faults := make([]outcome, len(list)), make([]error, len(list))
		for i, p := range list {
			running.Go(func() {
				outcomes[i] = s.ping(ctx, p)
				faults[i] = s.settle(ctx, p, &outcomes[i])
			})
		}
		running.Wait()
		for _, o := range outcomes {
			switch {
			case o.fault == "":
				delivered++
			case o.last:
				failed++
			}
		}
		if err := errors.Join(faults...); err != nil || len(list) < pingBatch || ctx.Err() != nil {
			return delivered, failed, err
		}
	}
	return delivered, failed, nil
}

// outcome is what came of an attempt.
type outcome struct {
	fault string // empty if the client was told
	last  bool   // another attempt would come to the same, or too late
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
	answer, err := s.Outbound.Post(ctx, n.Endpoint, "application/json", body, http.Header{"Authorization": {"Bearer " + n.Token}})
	switch {
	case err != nil:
		return outcome{fault: err.Error()}
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
