package interaction

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"idp/internal/idp"
)

// remembered is how many addresses have a bucket at once.
const remembered = 10_000

// starts bounds how many interactions one address may begin, whatever cookies it sends: a browser cookie costs nobody anything.
// In memory, each replica for itself, because asking the database is what the bound is to save.
type starts struct {
	perMinute int
	mu        sync.Mutex
	// Who was not seen since young was last full is forgotten with old: so memory is bounded and nothing needs sweeping.
	young, old map[string]*rate.Limiter
}

func newStarts(perMinute int) *starts {
	return &starts{perMinute: perMinute, young: map[string]*rate.Limiter{}}
}

// wait returns how long the address has to wait before it may begin another interaction; 0 if it may now.
func (s *starts) wait(address string, now time.Time) time.Duration {
	if s.perMinute <= 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.bucket(idp.Line(address)).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func (s *starts) bucket(line string) *rate.Limiter {
	l, ok := s.young[line]
	if ok {
		return l
	}
	if l, ok = s.old[line]; !ok {
		// A fifth of a minute's may come at once: a class that opens the application on the teacher's word.
		l = rate.NewLimiter(rate.Limit(float64(s.perMinute)/60), max(1, s.perMinute/5))
	}
	if len(s.young) >= remembered/2 {
		s.old, s.young = s.young, map[string]*rate.Limiter{}
	}
	s.young[line] = l
	return l
}
