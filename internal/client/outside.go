package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"idp/internal/idp"
	"idp/internal/outbound"
)

const (
	maxSectorDocument = 64 << 10
	maxSectorURIs     = 1000
	sectorFailedFor   = 5 * time.Second // a document that cannot be read is not asked for again before
)

// sectors remembers which documents cannot be read, and has one that many ask for read once at a time. What one says is read anew for each registration.
func sectors() *outbound.Memory[[]string] {
	return outbound.NewMemory[[]string](outbound.Bounds{Bytes: 1 << 20, Patience: 9 * time.Second})
}

// Outside does what a registration needs beyond its row, before it is written and in no transaction: its sector document is read, and keys are
// made that it is the first to need. old is nil for a new client.
func (s *Service) Outside(ctx context.Context, old, next *idp.Client) error {
	if err := s.checkSector(ctx, old, next); err != nil {
		return err
	}
	return s.EnsureKeys(ctx, next.KeyAlgs()...)
}

// checkSector reads the sector document of a client: whoever names one shows by it that the redirect URIs belong to the sector's owner, so that
// nobody joins a sector to learn what its clients call people (OpenID Connect Core §8.1, OpenID Connect Registration §5). It is read only
// when it, or what it must hold, is new.
func (s *Service) checkSector(ctx context.Context, old, next *idp.Client) error {
	uri := next.SectorIdentifierURI
	if uri == "" || old != nil && old.SectorIdentifierURI == uri && !slices.ContainsFunc(next.RedirectURIs, func(r string) bool { return !slices.Contains(old.RedirectURIs, r) }) {
		return nil
	}
	listed, err := s.sectors.Get(ctx, uri, func(ctx context.Context) (outbound.Found[[]string], error) { return s.readSector(ctx, uri) })
	if err != nil {
		return err
	}
	for _, r := range next.RedirectURIs {
		if !slices.Contains(listed, r) {
			return sectorFault(uri, nil, "does not list the redirect URI %s, to the letter. Add it there.", cut(r))
		}
	}
	return nil
}

func (s *Service) readSector(ctx context.Context, uri string) (outbound.Found[[]string], error) {
	failed := outbound.Found[[]string]{Fresh: sectorFailedFor}
	answer, err := s.Outbound.Get(ctx, uri, maxSectorDocument)
	switch {
	case errors.Is(err, outbound.ErrBusy):
		return outbound.Found[[]string]{}, err
	case errors.Is(err, outbound.ErrRefused):
		return failed, sectorFault(uri, err, "is not read: its host is on a private network. Allow it with the setting outbound.allow, or name a public address.")
	case err != nil:
		return failed, sectorFault(uri, err, "cannot be read. It has to be there when the client is registered.")
	case answer.Status != http.StatusOK:
		return failed, sectorFault(uri, nil, "is not there: the answer was %d.", answer.Status)
	}
	listed, ok := readSectorURIs(answer.Body)
	if !ok {
		return failed, sectorFault(uri, nil, "is no JSON list of at most %d redirect URIs.", maxSectorURIs)
	}
	return outbound.Found[[]string]{Value: listed, Size: len(answer.Body)}, nil
}

// readSectorURIs reads a sector document: a JSON list of addresses and nothing else (OpenID Connect Registration §5).
func readSectorURIs(text []byte) (listed []string, ok bool) {
	err := json.Unmarshal(text, &listed)
	return listed, err == nil && listed != nil && len(listed) <= maxSectorURIs
}

func sectorFault(uri string, cause error, format string, args ...any) *idp.Error {
	e := idp.Invalidf("sector_identifier_uri", "The document at %s %s", cut(uri), fmt.Sprintf(format, args...))
	e.Code, e.Err = "sector_identifier_invalid", cause
	return e
}
