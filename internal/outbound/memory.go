package outbound

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"idp/internal/panics"
)

// Bounds say how much a Memory keeps, and for how long.
type Bounds struct {
	Bytes    int              // of all that is kept; what was not asked for longest goes first
	Stale    time.Duration    // since it was read, a value counts while its host does not answer (ErrAway); 0: it does not
	Floor    time.Duration    // the least time between two looks at an address that Newer makes
	Patience time.Duration    // for one look, which whoever waits for it may leave
	Now      func() time.Time // nil for the clock
}

func (b Bounds) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

// Found is what came of a look at an address.
type Found[T any] struct {
	Value T
	Size  int           // of the value, in bytes
	Fresh time.Duration // for which it counts without another look, or the error that came with it does; 0 remembers nothing
	Stale time.Duration // in the place of Bounds.Stale for this value; 0 for that
}

// Look reads an address. An ErrAway says that nothing was learned; any other error that there is nothing, or nothing good, any more.
type Look[T any] func(ctx context.Context) (Found[T], error)

// Memory keeps what was read at addresses that outsiders name, failures included: so nobody makes us read the same one again and again. However many
// ask, an address is read once at a time. When half of its time is over, a value is read again while it is still used, so that nobody waits for what
// is in use. Safe for concurrent use.
type Memory[T any] struct {
	bounds Bounds

	mu    sync.Mutex
	kept  map[string]*list.Element // of *kept[T]
	order *list.List               // what was asked for last is in front
	bytes int
}

type kept[T any] struct {
	address string
	counted int // bytes, in Memory.bytes

	value   T
	size    int           // of value
	stale   time.Duration // since readAt
	readAt  time.Time     // zero: there is no value
	until   time.Time     // value or err count without another look
	ahead   time.Time     // from here on a look is made before that
	triedAt time.Time
	newerAt time.Time // when Newer looked last
	looks   int
	away    bool // the host did not answer the last time
	err     error
	looking *looking[T]
}

// looking is a look that is under way.
type looking[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// overhead is about what an entry takes beside its texts.
const overhead = 512

// NewMemory returns an empty memory.
func NewMemory[T any](b Bounds) *Memory[T] {
	return &Memory[T]{bounds: b, kept: map[string]*list.Element{}, order: list.New()}
}

// Get returns what is at an address, looking there if nothing is known that counts.
func (m *Memory[T]) Get(ctx context.Context, address string, look Look[T]) (T, error) {
	m.mu.Lock()
	k, now := m.entry(address), m.bounds.now()
	fresh := now.Before(k.until)
	if k.looking == nil && (!fresh || k.err == nil && !now.Before(k.ahead)) {
		m.start(ctx, k, now, look)
	}
	// While a host is known to be away, nobody waits for it to say so again.
	if fresh || k.away && m.usable(k, now) {
		defer m.mu.Unlock()
		return k.value, k.err
	}
	return m.wait(ctx, k.looking)
}

// Glance returns the error that an address is known by, and waits for nobody: what does not count any more is looked at again behind the caller, who hears
// what counted last. nil says that there is something, or that nothing is known yet.
func (m *Memory[T]) Glance(ctx context.Context, address string, look Look[T]) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, now := m.entry(address), m.bounds.now()
	if k.looking == nil && !now.Before(k.until) {
		m.start(ctx, k, now, look)
	}
	return k.err
}

// Looks returns how often an address was looked at, as long as it is kept. Who means to call Newer asks before Get.
func (m *Memory[T]) Looks(address string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.kept[address]; at != nil {
		return at.Value.(*kept[T]).looks
	}
	return 0
}

// Newer returns what counts after a look that is not among the first ones, of which Looks told. It makes that look itself, but not all the time: what is
// there may change right after it was read, once, but a host that fails, or a stranger who asks for what never was there, is answered from memory.
func (m *Memory[T]) Newer(ctx context.Context, address string, first int, look Look[T]) (T, error) {
	m.mu.Lock()
	k, now := m.entry(address), m.bounds.now()
	if k.looking == nil {
		last := k.newerAt
		if k.err != nil || k.away {
			last = k.triedAt
		}
		if (k.looks > first || now.Sub(last) < m.bounds.Floor) && (k.err != nil || m.usable(k, now)) {
			defer m.mu.Unlock()
			return k.value, k.err
		}
		k.newerAt = now
		m.start(ctx, k, now, look)
	}
	return m.wait(ctx, k.looking)
}

// wait ends with the look or with whoever waits. The caller holds the lock, and has it no more afterwards.
func (m *Memory[T]) wait(ctx context.Context, l *looking[T]) (T, error) {
	m.mu.Unlock()
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// usable reports whether there is a value that counts: a fresh one, or one of a host that does not answer.
func (m *Memory[T]) usable(k *kept[T], now time.Time) bool {
	return !k.readAt.IsZero() && (now.Before(k.until) || now.Sub(k.readAt) < k.stale)
}

// start looks apart from the request that asked: when that one goes away, the others still want the answer. The caller holds the lock.
func (m *Memory[T]) start(ctx context.Context, k *kept[T], now time.Time, look Look[T]) {
	l := &looking[T]{done: make(chan struct{})}
	k.looking, k.triedAt = l, now
	m.fit(k, now)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.bounds.Patience)
		defer cancel()
		found, err := guarded(ctx, look)
		m.mu.Lock()
		defer m.mu.Unlock()
		now := m.bounds.now()
		m.settle(k, found, err, now)
		l.value, l.err = k.value, k.err
		k.looking = nil
		m.fit(k, now)
		close(l.done)
	}()
}

// guarded turns a panic into an error: what an outsider serves must not end the whole service.
func guarded[T any](ctx context.Context, look Look[T]) (found Found[T], err error) {
	defer panics.Into(&err)
	return look(ctx)
}

// settle writes down what came of a look.
func (m *Memory[T]) settle(k *kept[T], found Found[T], err error, now time.Time) {
	k.away = errors.Is(err, ErrAway)
	k.looks++
	switch {
	case err == nil:
		k.value, k.readAt, k.err, k.size = found.Value, now, nil, found.Size
		k.stale = cmp.Or(found.Stale, m.bounds.Stale)
		k.until, k.ahead = now.Add(found.Fresh), now.Add(found.Fresh/2)
	case k.away && m.usable(k, now):
		k.ahead = now.Add(found.Fresh)
		if end := k.readAt.Add(k.stale); k.until.Before(k.ahead) {
			k.until = k.ahead
			if end.Before(k.until) {
				k.until = end
			}
		}
	default:
		var none T
		k.value, k.readAt, k.err, k.size = none, time.Time{}, err, 0
		k.until = now.Add(found.Fresh)
	}
}

// entry returns what is kept for an address, as what was asked for last.
func (m *Memory[T]) entry(address string) *kept[T] {
	if at := m.kept[address]; at != nil {
		m.order.MoveToFront(at)
		return at.Value.(*kept[T])
	}
	k := &kept[T]{address: address}
	m.kept[address] = m.order.PushFront(k)
	return k
}

// fit drops an entry that says nothing, and what was not asked for longest until all fit. The caller holds the lock.
func (m *Memory[T]) fit(k *kept[T], now time.Time) {
	at := m.kept[k.address]
	if at == nil || at.Value != any(k) {
		return // it made room for others while it was looked at
	}
	m.bytes += overhead + len(k.address) + k.size - k.counted
	k.counted = overhead + len(k.address) + k.size
	if k.looking == nil && !now.Before(k.until) && !m.usable(k, now) {
		m.drop(at)
	}
	for m.bytes > m.bounds.Bytes && m.order.Len() > 0 {
		m.drop(m.order.Back())
	}
}

func (m *Memory[T]) drop(at *list.Element) {
	k := m.order.Remove(at).(*kept[T])
	delete(m.kept, k.address)
	m.bytes -= k.counted
}
