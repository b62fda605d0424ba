package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"idp/internal/idp"
	"idp/internal/outbound"
)

const (
	maxSectorDocument = 64 << 10
	maxSectorURIs     = 1000
)

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
	fault := func(format string, args ...any) *idp.Error {
		e := idp.Invalidf("sector_identifier_uri", "The document at %s %s", cut(uri), fmt.Sprintf(format, args...))
		e.Code = "sector_identifier_invalid"
		return e
	}
	answer, err := s.Outbound.Get(ctx, uri, maxSectorDocument)
	switch {
	case errors.Is(err, outbound.ErrRefused):
		e := fault("is not read: its host is on a private network. Allow it with the setting outbound.allow, or name a public address.")
		e.Err = err
		return e
	case err != nil:
		e := fault("cannot be read. It has to be there when the client is registered.")
		e.Err = err
		return e
	case answer.Status != http.StatusOK:
		return fault("is not there: the answer was %d.", answer.Status)
	}
	var listed []string
	if err := json.Unmarshal(answer.Body, &listed); err != nil || len(listed) > maxSectorURIs {
		return fault("is no JSON list of at most %d redirect URIs.", maxSectorURIs)
	}
	for _, r := range next.RedirectURIs {
		if !slices.Contains(listed, r) {
			return fault("does not list the redirect URI %s, to the letter. Add it there.", cut(r))
		}
	}
	return nil
}
