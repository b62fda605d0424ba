package throttle

import (
	"maps"
	"sync"
	"time"
)

const (
	// flightLimit is after how long a try that nobody judged is forgotten.
	flightLimit = 30 * time.Second
	// maxFlights bounds the keys in memory; beyond it only the database counts.
	maxFlights = 8192
)

// flights counts, within this process, the tries that were allowed and not judged yet.
type flights struct {
	mu   sync.Mutex
	keys map[string]flight
}

type flight struct {
	n     int
	until time.Time
}

func newFlights() *flights { return &flights{keys: map[string]flight{}} }

// begin adds a try and returns how many were under way before it.
func (f *flights) begin(key string, now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.keys[key]
	if !now.Before(was.until) {
		was.n = 0
	}
	if was.n == 0 && len(f.keys) >= maxFlights {
		maps.DeleteFunc(f.keys, func(_ string, old flight) bool { return !now.Before(old.until) })
		if len(f.keys) >= maxFlights {
			return 0
		}
	}
	f.keys[key] = flight{n: was.n + 1, until: now.Add(flightLimit)}
	return was.n
}

// end takes a try away.
func (f *flights) end(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, ok := f.keys[key]
	if !ok {
		return
	}
	if was.n--; was.n <= 0 {
		delete(f.keys, key)
		return
	}
	f.keys[key] = was
}
