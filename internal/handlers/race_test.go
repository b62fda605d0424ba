package handlers_test

import (
	"sync"
	"sync/atomic"
	"testing"
)

// FL-15, SEC-11: whoever knows the old password and signs in without pause has no session after it was changed, although some sign-in
// was always being judged at that moment.
func TestSignIn_UnderWayWhileThePasswordChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var stop atomic.Bool
	var signedIn atomic.Int64
	var mu sync.Mutex
	var in []*browser
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for last := false; !last; {
				last = stop.Load() // one more that began before the change has surely ended
				b := s.browser()
				b.get(s.issuer+"/login").push("submit-login", "identifier", "ann", "password", goodPassword)
				if b.cookies["__Host-idp_session"] != nil {
					signedIn.Add(1)
					mu.Lock()
					in = append(in, b)
					mu.Unlock()
				}
			}
		})
	}
	for signedIn.Load() < 8 && !t.Failed() {
		if s.browser().get(s.issuer+"/login").status >= 500 {
			break
		}
	}
	must(t, s.accounts.SetPassword(t.Context(), s.ann.ID, "another horse and no battery", ""))
	stop.Store(true)
	all.Wait()
	for _, b := range in {
		if b.signedIn() {
			t.Fatal("a session that the old password opened outlived it")
		}
	}
}
