package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

// stampede calls do ten thousand times, many at once, and returns how many were not refused.
func stampede(t *testing.T, do func(n int) error) int64 {
	t.Helper()
	const attempts, atOnce = 10_000, 64
	var won atomic.Int64
	var group sync.WaitGroup
	for worker := range atOnce {
		group.Go(func() {
			for n := worker; n < attempts; n += atOnce {
				switch err := do(n); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, idp.ErrNotFound):
					t.Errorf("loser: %v", err)
				}
			}
		})
	}
	group.Wait()
	return won.Load()
}

// RFC 6749 §4.1.2, SEC-21: the statement that redeems a code does it once.
func TestRedeemCode_TenThousandHaveOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	must(t, err)
	if won := stampede(t, func(int) error { _, err := w.redeem(t, a, "c", "challenge"); return err }); won != 1 {
		t.Errorf("%d of ten thousand redemptions won, want one", won)
	}
}

// RFC 9700 §4.14.2, SEC-21: the statement that rotates a refresh token makes one successor; whoever else comes within the grace gets that one.
func TestRotateRefreshToken_TenThousandHaveOneSuccessor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		grace time.Duration
		want  int64
	}{"without a grace": {0, 1}, "with one": {time.Minute, 10_000}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
			must(t, err)
			_, err = w.redeem(t, a, "c", "challenge")
			must(t, err)
			var successors sync.Map
			answered := stampede(t, func(n int) error {
				v, err := w.RotateRefreshToken(t.Context(), store.Rotation{
					ID: a.ID, Old: []byte("r0"), ClientID: "app", New: fmt.Appendf(nil, "new %d", n), Sealed: fmt.Appendf(nil, "%d", n),
					Idle: w.now.Add(time.Hour), Grace: c.grace,
				}, w.now)
				if err == nil {
					successors.Store(string(v.Sealed), true)
				}
				return err
			})
			different := 0
			successors.Range(func(any, any) bool { different++; return true })
			if answered != c.want || different != 1 {
				t.Errorf("%d answers with %d successors, want %d and 1", answered, different, c.want)
			}
		})
	}
}
