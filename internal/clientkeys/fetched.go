package clientkeys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
)

const (
	freshFor  = 10 * time.Minute // keys this young are used as they are: a key that was taken back works no longer than this
	usableFor = time.Hour        // older ones while the address does not answer
	// floor is the least time between two reads of one address: words signed with invented kids must not become a stream of requests to
	// somebody's server.
	floor = 10 * time.Second
	// most bounds the addresses that are remembered; when it is reached the memory is emptied, which costs a read for each in use.
	most = 10_000
	// fetches bounds the reads under way at once, whoever names the addresses.
	fetches = 32

	fetchTimeout = 6 * time.Second
)

// fetched is the set of keys at one address, read at most once at a time however many wait for it.
type fetched struct {
	mu       sync.Mutex
	keys     []jose.JSONWebKey
	readAt   time.Time // zero: never
	triedAt  time.Time
	err      error
	inflight chan struct{} // closed when the read that is under way has ended
}

// fetch returns the keys at an address. With newer it reads them again if that was not done just now.
func (k *Keys) fetch(ctx context.Context, uri string, newer bool) ([]jose.JSONWebKey, error) {
	f := k.entry(uri)
	f.mu.Lock()
	now := time.Now()
	age := now.Sub(f.readAt)
	tried := now.Sub(f.triedAt) < floor && !f.triedAt.IsZero()
	if f.inflight == nil {
		switch {
		case tried && f.err != nil && age >= usableFor:
			defer f.mu.Unlock()
			return nil, f.err
		case tried, !newer && age < freshFor:
			defer f.mu.Unlock()
			return f.keys, nil
		}
		k.start(ctx, uri, f, now)
	}
	if !newer && age < usableFor { // nobody waits while an old copy will do
		defer f.mu.Unlock()
		return f.keys, nil
	}
	done := f.inflight
	f.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil && time.Since(f.readAt) >= usableFor {
		return nil, f.err
	}
	return f.keys, nil
}

func (k *Keys) entry(uri string) *fetched {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.fetchedAt[uri]
	if f == nil {
		if len(k.fetchedAt) >= most {
			clear(k.fetchedAt)
		}
		f = &fetched{}
		k.fetchedAt[uri] = f
	}
	return f
}

// start reads apart from the request that asked: when that one goes away, the others still want the keys. The caller holds f's lock.
func (k *Keys) start(ctx context.Context, uri string, f *fetched, now time.Time) {
	done := make(chan struct{})
	f.inflight, f.triedAt = done, now
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		keys, err := k.read(ctx, uri)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.inflight, f.err = nil, err
		if err == nil {
			f.keys, f.readAt = keys, time.Now()
		} else {
			k.logger.WarnContext(ctx, "the keys of a client cannot be read", slog.String("jwks_uri", uri), slog.Any("error", err))
		}
		close(done)
	}()
}

func (k *Keys) read(ctx context.Context, uri string) ([]jose.JSONWebKey, error) {
	select {
	case k.slots <- struct{}{}:
		defer func() { <-k.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: too many are being read", ErrNoKeys)
	}
	answer, err := k.outbound.Get(ctx, uri, idp.MaxKeySet)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	if answer.Status != http.StatusOK {
		return nil, fmt.Errorf("%w: the address answers %d", ErrNoKeys, answer.Status)
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err == nil && kind == "text/html" {
		return nil, fmt.Errorf("%w: the address answers with a page", ErrNoKeys)
	}
	keys, _, err := idp.ParseKeySet(answer.Body)
	if err == nil && len(keys) == 0 {
		err = errors.New("there is no usable key in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	return keys, nil
}
