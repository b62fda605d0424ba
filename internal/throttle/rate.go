package throttle

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"idp/internal/idp"
)

// remembered is how many keys have a bucket at once.
const remembered = 10_000

// Rate bounds how often something may happen for each key in a minute, a fifth of that at once: a class opens the application on the teacher's word.
// In memory, each replica for itself, because asking the database is what such a bound is to save. Safe for concurrent use.
type Rate struct {
	perMinute int
	mu        sync.Mutex
	// What was not seen since young was last full is forgotten with old: so memory is bounded and nothing needs sweeping.
	young, old map[string]*rate.Limiter
}

// NewRate returns a rate of so many in a minute; none is bounded where that is not positive.
func NewRate(perMinute int) *Rate {
	return &Rate{perMinute: perMinute, young: map[string]*rate.Limiter{}}
}

// Wait counts one use by a key and returns 0, or how long the key has to wait before its next one; then nothing is counted.
func (r *Rate) Wait(key string, now time.Time) time.Duration {
	if r.perMinute <= 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	use := r.bucket(key).ReserveN(now, 1)
	wait := use.DelayFrom(now)
	if wait > 0 {
		use.CancelAt(now)
	}
	return wait
}

// WaitAt is Wait for an address; all of an IPv6 line are one.
func (r *Rate) WaitAt(address string, now time.Time) time.Duration {
	return r.Wait(idp.Line(address), now)
}

func (r *Rate) bucket(key string) *rate.Limiter {
	l, ok := r.young[key]
	if ok {
		return l
	}
	if l, ok = r.old[key]; !ok {
		l = rate.NewLimiter(rate.Limit(float64(r.perMinute)/60), max(1, r.perMinute/5))
	}
	if len(r.young) >= remembered/2 {
		r.old, r.young = r.young, map[string]*rate.Limiter{}
	}
	r.young[key] = l
	return l
}
