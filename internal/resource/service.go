package resource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/store"
)

// Service is the use cases; both fields are required. It is safe for concurrent use.
type Service struct {
	Store *store.Store
	Audit *audit.Log
}

// Create adds a resource under its id.
func (s *Service) Create(ctx context.Context, r *idp.Resource) (*idp.Resource, error) {
	made := *r
	made.CreatedAt = now()
	made.UpdatedAt = made.CreatedAt
	if err := made.Validate(); err != nil {
		return nil, err
	}
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.CreateResource(ctx, &made); err != nil {
			return taken(err, made.ID)
		}
		return s.write(ctx, audit.ResourceCreated, &made)
	})
	if err != nil {
		return nil, fmt.Errorf("create resource %s: %w", r.ID, err)
	}
	return &made, nil
}

// Update changes a resource: change gets a copy, and may alter all but its id and its times.
func (s *Service) Update(ctx context.Context, id string, change func(*idp.Resource) error) (*idp.Resource, error) {
	var next idp.Resource
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		old, err := s.Store.Resource(ctx, id)
		if err != nil {
			return err
		}
		next = *old
		if err := change(&next); err != nil {
			return err
		}
		next.ID, next.CreatedAt, next.UpdatedAt = old.ID, old.CreatedAt, now()
		if !next.UpdatedAt.After(old.UpdatedAt) {
			next.UpdatedAt = old.UpdatedAt.Add(time.Microsecond) // it is the version that writers compare
		}
		if err := next.Validate(); err != nil {
			return err
		}
		if err := s.Store.UpdateResource(ctx, &next, old.UpdatedAt); err != nil {
			return taken(err, id)
		}
		return s.write(ctx, audit.ResourceUpdated, &next)
	})
	if err != nil {
		return nil, fmt.Errorf("update resource %s: %w", id, err)
	}
	return &next, nil
}

// Delete removes a resource. Access tokens for it stay good until they expire.
func (s *Service) Delete(ctx context.Context, id string) error {
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		r, err := s.Store.Resource(ctx, id)
		if err != nil {
			return err
		}
		if err := s.Store.DeleteResource(ctx, id); err != nil {
			return err
		}
		return s.write(ctx, audit.ResourceDeleted, r)
	})
	if err != nil {
		return fmt.Errorf("delete resource %s: %w", id, err)
	}
	return nil
}

func (s *Service) write(ctx context.Context, t audit.Type, r *idp.Resource) error {
	return s.Audit.Write(ctx, audit.Event{Type: t, Details: map[string]string{"id": r.ID, "resource": r.Identifier}})
}

func taken(err error, id string) error {
	if errors.Is(err, idp.ErrConflict) {
		return &idp.Error{Kind: idp.Conflict, Code: "resource_exists", Message: fmt.Sprintf("There is a resource with the id %s or with its address already, or somebody else changed it at the same time.", id), Err: err}
	}
	return err
}

// now is the time at the precision that both databases keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
