package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/keys"
)

const tagKeys = "keys"

type retireKeyInput struct {
	ID   string `path:"kid" maxLength:"64"`
	Body *RetireKey
}

func (s *server) keys() {
	add(s, operation{id: "list-keys", method: http.MethodGet, path: "/keys", summary: "List the published signing keys", tag: tagKeys},
		func(context.Context, *struct{}) (*body[Page[Key]], error) {
			list := s.Keys.List()
			return &body[Page[Key]]{page(list, len(list)+1, nil, keyView)}, nil
		})
	add(s, operation{id: "rotate-key", method: http.MethodPost, path: "/keys/rotate", summary: "Make a new signing key", status: http.StatusCreated, tag: tagKeys},
		func(ctx context.Context, in *body[RotateKey]) (*body[Key], error) {
			rotate := s.Keys.Rotate
			if in.Body.Now {
				rotate = s.Keys.RotateNow
			}
			var made *keys.Info
			err := s.changeKeys(ctx, func(ctx context.Context) (err error) {
				if made, err = rotate(ctx, in.Body.Algorithm); err != nil {
					return err
				}
				details := map[string]string{"kid": made.ID, "alg": made.Algorithm, "at_once": strconv.FormatBool(in.Body.Now)}
				return s.Audit.Write(ctx, audit.Event{Type: audit.KeyRotated, Details: details})
			})
			if err != nil {
				return nil, err
			}
			return &body[Key]{keyView(*made)}, nil
		})
	add(s, operation{id: "retire-key", method: http.MethodPost, path: "/keys/{kid}/retire", summary: "Stop signing with a key", status: http.StatusNoContent, tag: tagKeys},
		func(ctx context.Context, in *retireKeyInput) (*nothing, error) {
			retire, how := s.Keys.Retire, "retired"
			if in.Body != nil && in.Body.Leaked {
				retire, how = s.Keys.Withdraw, "withdrawn"
			}
			return &nothing{}, s.changeKeys(ctx, func(ctx context.Context) error {
				if err := retire(ctx, in.ID); err != nil {
					return err
				}
				return s.Audit.Write(ctx, audit.Event{Type: audit.KeyRetired, Details: map[string]string{"kid": in.ID, "how": how}})
			})
		})
}

// changeKeys runs a change and its event in one transaction. The manager has read the keys inside it: if it is rolled back they are read again.
func (s *server) changeKeys(ctx context.Context, change func(ctx context.Context) error) error {
	err := s.Store.InTx(ctx, change)
	if err == nil || idp.KindOf(err) != idp.Internal {
		return err
	}
	if again := s.Keys.Reload(ctx); again != nil {
		return errors.Join(err, fmt.Errorf("read the keys again: %w", again))
	}
	return err
}
