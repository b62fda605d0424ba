package clientkeys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/outbound"
)

const (
	freshFor = 10 * time.Minute // a key that was taken out works no longer than this, if the address answers
	staleFor = 30 * time.Minute // since they were read last, while it does not
	// floor is the least time between two reads of one address: words signed with invented kids must not become a stream of requests to
	// somebody's server. An address that was not read is not tried again before either.
	floor        = 10 * time.Second
	fetchTimeout = 9 * time.Second // with the wait in the line of its host

	// most bounds the texts of keys that are remembered, of all addresses and of all registrations; what is made of them takes a few times as much.
	most = 16 << 20
)

func bounds() outbound.Bounds {
	return outbound.Bounds{Bytes: most, Stale: staleFor, Floor: floor, Patience: fetchTimeout}
}

// fetch returns the keys at an address.
func (k *Keys) fetch(ctx context.Context, uri string) ([]jose.JSONWebKey, error) {
	return k.published.Get(ctx, uri, k.look(uri))
}

// fetchNewer reads them again, if that was not done since the first looks or all the time.
func (k *Keys) fetchNewer(ctx context.Context, uri string, first int) ([]jose.JSONWebKey, error) {
	return k.published.Newer(ctx, uri, first, k.look(uri))
}

func (k *Keys) look(uri string) outbound.Look[[]jose.JSONWebKey] {
	return func(ctx context.Context) (outbound.Found[[]jose.JSONWebKey], error) {
		keys, size, err := k.read(ctx, uri)
		if err != nil {
			k.logger.WarnContext(ctx, "the keys of a client cannot be read", slog.String("jwks_uri", uri), slog.Any("error", err))
			if errors.Is(err, outbound.ErrBusy) {
				return outbound.Found[[]jose.JSONWebKey]{Fresh: time.Second}, err
			}
			return outbound.Found[[]jose.JSONWebKey]{Fresh: floor}, err
		}
		return outbound.Found[[]jose.JSONWebKey]{Value: keys, Size: size, Fresh: freshFor}, nil
	}
}

func (k *Keys) read(ctx context.Context, uri string) (keys []jose.JSONWebKey, size int, err error) {
	answer, err := k.outbound.Get(ctx, uri, idp.MaxKeySet)
	if errors.Is(err, outbound.ErrBusy) {
		return nil, 0, err // no fault of the client's: it may try again
	}
	if err == nil {
		err = answer.Away()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	if answer.Status != http.StatusOK {
		return nil, 0, fmt.Errorf("%w: the address answers %d", ErrNoKeys, answer.Status)
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err == nil && kind == "text/html" {
		return nil, 0, fmt.Errorf("%w: the address answers with a page", ErrNoKeys)
	}
	keys, _, err = idp.ParseKeySet(answer.Body)
	if err == nil && len(keys) == 0 {
		err = errors.New("there is no usable key in it")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	return keys, len(answer.Body), nil
}
