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
	return r.wait(now, share{key, 1})
}

// share is a key and how many times the rate it has.
type share struct {
	key   string
	times int
}

// linesNear is how many lines' worth a /48 of IPv6 has together: one customer may have all of it, 65,536 lines, and a carrier many customers.
const linesNear = 16

// WaitAt is Wait for an address; all of an IPv6 line are one, and the lines of a network that one party may have do not add up without an end.
func (r *Rate) WaitAt(address string, now time.Time) time.Duration {
	line, near := idp.Line(address), idp.Network(address, 32, 48)
	if near == line {
		return r.Wait(line, now)
	}
	return r.wait(now, share{near, linesNear}, share{line, 1})
}

func (r *Rate) wait(now time.Time, of ...share) time.Duration {
	if r.perMinute <= 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var taken [2]*rate.Reservation
	for i, s := range of {
		taken[i] = r.bucket(s).ReserveN(now, 1)
		if wait := taken[i].DelayFrom(now); wait > 0 {
			for ; i >= 0; i-- {
				taken[i].CancelAt(now)
			}
			return wait
		}
	}
	return 0
}

func (r *Rate) bucket(s share) *rate.Limiter {
	key := s.key
	l, ok := r.young[key]
	if ok {
		return l
	}
	if l, ok = r.old[key]; !ok {
		most := r.perMinute * s.times
		l = rate.NewLimiter(rate.Limit(float64(most)/60), max(1, most/5))
	}
	if len(r.young) >= remembered/2 {
		r.old, r.young = r.young, map[string]*rate.Limiter{}
	}
	r.young[key] = l
	return l
}
