package store_test

import (
	"fmt"
	"sync"
	"testing"

	"idp/internal/idp"
	"idp/internal/store"
)

// One maker wins, and whoever comes later is given what is kept.
func TestServerSecrets_OneIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	got := make([]string, 16)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			kept, err := w.KeepServerSecret(ctx, "pairwise", fmt.Sprint("sealed ", i), w.now)
			if err != nil {
				t.Error(err)
			}
			got[i] = kept
		})
	}
	wg.Wait()
	for _, kept := range got {
		if kept != got[0] {
			t.Fatalf("got %v, want one for all", got)
		}
	}
	list, err := w.ServerSecrets(ctx)
	must(t, err)
	same(t, "secrets", list, []*store.ServerSecret{{Name: "pairwise", Sealed: got[0]}})
	if won := race(t, 8, idp.ErrConflict, func(i int) error {
		return w.ResealServerSecret(ctx, "pairwise", got[0], fmt.Sprint("anew ", i))
	}); won != 1 {
		t.Errorf("got %d reseals, want 1", won)
	}
}
