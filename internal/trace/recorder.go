package trace

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"golang.org/x/time/rate"

	"idp/internal/idp"
	"idp/internal/panics"
	"idp/internal/secret"
	"idp/internal/store"
)

const (
	queueMost  = 4096
	batchMost  = 256
	flushEvery = 250 * time.Millisecond
	patience   = 5 * time.Second // with the database, for a batch; at the end, for all that is left
	valueMost  = 300             // bytes of an expected or received value
	checksMost = 24
)

// What becomes a row: a flood of requests must not become a flood of rows. Each kind has its own bucket, so that none of them
// pushes another's traces out; of failures, which people look for, a test run's worth may come at once.
const (
	perSecond = 20
	burst     = 100
	badBurst  = 500
)

// Outcome is how a request ended that nothing is wrong with.
type Outcome string

// The outcomes. Every other end is a refusal, and has Refuse.
const (
	OK      Outcome = "ok"
	Waiting Outcome = "waiting" // for the person
)

// Config is what a Recorder needs.
type Config struct {
	Store     *store.Store
	Logger    *slog.Logger
	Retention time.Duration
}

// Recorder writes traces behind the requests. Safe for concurrent use.
type Recorder struct {
	Config
	queue            chan *idp.Trace
	ok, waiting, bad *rate.Limiter
	dropped          atomic.Int64
}

// New returns a recorder; Run writes what it is given.
func New(c Config) *Recorder {
	return &Recorder{
		Config: c, queue: make(chan *idp.Trace, queueMost),
		ok: rate.NewLimiter(perSecond, burst), waiting: rate.NewLimiter(perSecond, burst), bad: rate.NewLimiter(perSecond, badBurst),
	}
}

// T is one trace that is being recorded, by one request.
type T struct {
	idp.Trace
	recorder *Recorder
}

// Begin starts a trace. An empty id gets a new one.
func (r *Recorder) Begin(id, endpoint string, now time.Time) *T {
	if id == "" {
		id = idp.NewID()
	}
	return &T{Trace: idp.Trace{ID: id, At: now, Endpoint: endpoint, ExpiresAt: now.Add(r.Retention)}, recorder: r}
}

// SetClient notes which client the request claims to come from.
func (t *T) SetClient(id string) {
	if t != nil {
		t.ClientID = clean(id)
	}
}

// Pass records a check that was made and held.
func (t *T) Pass(name string) {
	if t != nil && len(t.Checks) < checksMost {
		t.Checks = append(t.Checks, idp.Check{Name: name, OK: true})
	}
}

// Fail records the check that did not hold. Values are cut; whatever looks like one of our tokens is replaced.
func (t *T) Fail(c idp.Check) {
	if t == nil || len(t.Checks) >= checksMost {
		return
	}
	c.OK, c.Expected, c.Received = false, clean(c.Expected), clean(c.Received)
	t.Checks = append(t.Checks, c)
}

// End says that nothing was wrong with the request, and hands the trace over.
func (t *T) End(outcome Outcome) {
	if t == nil {
		return
	}
	t.Outcome = string(outcome)
	if outcome == OK {
		t.keep(t.recorder.ok)
	} else {
		t.keep(t.recorder.waiting)
	}
}

// Refuse says with which error the request was answered and what its sender was told, and hands the trace over. A refusal always says what was expected, what
// came and how to mend it: what no check said is filled in by the error.
func (t *T) Refuse(code, description string) {
	if t == nil {
		return
	}
	t.Outcome = code
	t.complete(code, description)
	t.keep(t.recorder.bad)
}

// keep hands the trace over if there is room for its kind.
func (t *T) keep(limit *rate.Limiter) {
	if !limit.AllowN(t.At, 1) {
		t.recorder.dropped.Add(1)
		return
	}
	copied := t.Trace
	select {
	case t.recorder.queue <- &copied:
	default:
		t.recorder.dropped.Add(1)
	}
}

// clean cuts a value and hides what has the shape of a secret: the second net under callers who pass public values only.
func clean(v string) string {
	if secret.InText(v) {
		return secret.Masked
	}
	if len(v) > valueMost {
		v = v[:valueMost] + "…"
	}
	// A zero byte would cost the whole batch, since no database takes it for text; an escape sequence would act on the terminal of
	// whoever reads the trace.
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(v, "�"))
}

// Dropped returns how many traces were not kept.
func (r *Recorder) Dropped() int64 { return r.dropped.Load() }

// Run writes batches until ctx ends, and then what is left. What is being written when ctx ends is written all the same.
func (r *Recorder) Run(ctx context.Context) {
	lasting := context.WithoutCancel(ctx)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(lasting, patience)
			defer cancel()
			for r.flush(last) {
			}
			return
		case <-tick.C:
			for r.flush(lasting) {
			}
		}
	}
}

// flush writes one batch and reports whether it was a full one.
func (r *Recorder) flush(ctx context.Context) bool {
	var batch []*idp.Trace
	for len(batch) < batchMost {
		select {
		case t := <-r.queue:
			batch = append(batch, t)
			continue
		default:
		}
		break
	}
	if len(batch) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := panics.Call(func() error { return r.Store.PutTraces(ctx, batch) }); err != nil {
		r.dropped.Add(int64(len(batch)))
		r.Logger.WarnContext(ctx, "traces lost", slog.Int("count", len(batch)), slog.Any("error", err))
		return false
	}
	return len(batch) == batchMost
}
