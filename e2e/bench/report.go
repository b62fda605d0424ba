package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Goals that are not shares of a limit (issue "the main job", Speed).
const (
	goalReady  = 50 * time.Millisecond
	goalIdle   = 30 << 20
	goalBinary = 35 << 20
)

// report is everything that was measured.
type report struct {
	Machine    string          `json:"machine"`
	Options    *options        `json:"options"`
	BinarySize int64           `json:"binary_bytes"`
	Engines    []*engineReport `json:"engines"`
}

// cell is one scenario at one concurrency.
type cell struct {
	Scenario    string `json:"scenario"`
	Concurrency int    `json:"concurrency"`
	result
	ServerCPU   float64 `json:"server_cpu_us"`
	DatabaseCPU float64 `json:"database_cpu_us"`
	Peak        int64   `json:"peak_bytes"`
}

// engineReport is what was measured on one database.
type engineReport struct {
	Engine     string          `json:"engine"`
	Limits     map[part]cost   `json:"limits"`
	Floors     []cell          `json:"floors"`
	Cells      []cell          `json:"cells"`
	Goals      []goal          `json:"goals"`
	Storms     []storm         `json:"storms"`
	FirstStart time.Duration   `json:"first_start_ns"`
	Starts     []time.Duration `json:"starts_ns"`
	Idle       int64           `json:"idle_bytes"`
	IdleOwn    int64           `json:"idle_own_bytes"` // without the pages of the binary itself
}

// goal compares a cell with its limit: by rate, and by CPU, which other work on the machine disturbs less.
type goal struct {
	Scenario string  `json:"scenario"`
	Rate     float64 `json:"per_second"`
	Limit    float64 `json:"limit_per_second"`
	CPU      float64 `json:"cpu_us"`
	LimitCPU float64 `json:"limit_cpu_us"`
	Least    float64 `json:"goal_least"`
	Most     float64 `json:"goal_most,omitempty"`
}

func (g goal) share() float64    { return g.Rate / g.Limit }
func (g goal) cpuShare() float64 { return g.LimitCPU / g.CPU }

// quiet is the part of the core that bare signatures must have had for rates to mean something.
const quiet = 0.9

// ours returns which part of the core we had: bare signatures would take all of it. The rest went to other work on the machine.
func (e *engineReport) ours() float64 {
	c := e.Limits[partES256]
	return c.Rate * c.CPU / 1e6
}

// reached says whether a goal is met: by rate, or by CPU where the core was not ours alone.
func (e *engineReport) reached(g goal) bool {
	if e.ours() < quiet {
		return g.cpuShare() >= g.Least
	}
	return g.share() >= g.Least
}

// judge computes the shares at the goals' concurrency.
func (e *engineReport) judge(concurrency int) {
	for _, s := range scenarios() {
		at := slices.IndexFunc(e.Cells, func(c cell) bool { return c.Scenario == s.name && c.Concurrency == concurrency })
		if at < 0 || e.Cells[at].Operations == 0 {
			continue
		}
		rate, cpu, ok := limit(s.parts, e.Limits)
		if !ok {
			continue
		}
		c := e.Cells[at]
		e.Goals = append(e.Goals, goal{
			Scenario: s.name, Rate: c.Rate, Limit: rate, CPU: c.ServerCPU + c.DatabaseCPU, LimitCPU: cpu, Least: s.least, Most: s.most,
		})
	}
}

func describeMachine() string {
	model, memoryKiB := "unknown processor", ""
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.TrimLeft(strings.TrimSpace(name), ": \t")
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		first, _, _ := strings.Cut(string(text), "\n")
		memoryKiB = ", " + strings.Join(strings.Fields(first), " ")
	}
	return fmt.Sprintf("%d cores, %s%s, %s", runtime.NumCPU(), model, memoryKiB, runtime.Version())
}

func (r *report) printHead(out io.Writer) {
	fmt.Fprintf(out, "machine: %s\n", r.Machine)
	where := "server and database on core " + serverCore + ", generator on core " + generatorCore
	if r.Options.Unpinned {
		where = "not pinned"
	}
	fmt.Fprintf(out, "%s; %s s for each cell; binary %s (goal: under %s)\n", where, trim(r.Options.Seconds), mib(r.BinarySize), mib(goalBinary))
}

func (e *engineReport) print(out io.Writer, o *options) {
	fmt.Fprintf(out, "\n## %s\n\n", e.Engine)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tc\tper second\tp50 ms\tp99 ms\tCPU µs/op server\t+ database\tpeak MiB\terrors\t")
	for _, c := range append(slices.Clone(e.Floors), e.Cells...) {
		name := c.Scenario
		if strings.HasPrefix(name, "http_") {
			name = "floor: " + name
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%.0f\t%d\t\n", name, c.Concurrency, figure(c.Rate), ms(c.P50), ms(c.P99), figure(c.ServerCPU), figure(c.DatabaseCPU), float64(c.Peak)/(1<<20), c.Errors)
	}
	_ = t.Flush()
	for _, c := range e.Cells {
		if c.FirstError != "" {
			fmt.Fprintf(out, "%s, c=%d, first error: %s\n", c.Scenario, c.Concurrency, c.FirstError)
		}
	}

	fmt.Fprintf(out, "\nlimits of this core (HTTP and database at c=%d; a write is durable when it counts)\n\n", o.goalConcurrency())
	t = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "piece of work\tper second\tCPU µs\t")
	for _, p := range partsInOrder(e.Limits) {
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", p, figure(e.Limits[p].Rate), figure(e.Limits[p].CPU))
	}
	_ = t.Flush()

	if len(e.Goals) > 0 {
		fmt.Fprintf(out, "\ngoals at c=%d: the limit is the sum of the parts that cannot be left out\n\n", o.goalConcurrency())
		t = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "operation\tper second\tlimit\tshare\tgoal\treached\tshare by CPU\tCPU µs/op\tlimit\t")
		for _, g := range e.Goals {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", g.Scenario, figure(g.Rate), figure(g.Limit), percent(g.share()), goalText(g), yesNo(e.reached(g)), percent(g.cpuShare()), figure(g.CPU), figure(g.LimitCPU))
		}
		_ = t.Flush()
	}
	if e.ours() < quiet {
		fmt.Fprintf(out, "\nThe core was busy with other work and ours for %s only: rates and latencies say little, so the goals are judged by CPU.\n", percent(e.ours()))
	}
	e.printRest(out)
}

func (e *engineReport) printRest(out io.Writer) {
	fmt.Fprintln(out)
	for _, s := range e.Storms {
		fmt.Fprintf(out, "%d sign-ins queued, client_credentials c=%d: %s/s, p50 %s ms, p99 %s ms (goal: under %s ms: %s), errors %d; sign-ins %s/s, errors %d %s; peak %s\n",
			stormLogins, s.Concurrency, figure(s.Others.Rate), ms(s.Others.P50), ms(s.Others.P99), ms(stormGoal), yesNo(s.Others.P99 < stormGoal && s.Others.Errors == 0),
			s.Others.Errors, figure(s.Logins.Rate), s.Logins.Errors, s.Logins.FirstError, mib(s.Peak))
	}
	if len(e.Starts) > 0 {
		middle := e.Starts[len(e.Starts)/2]
		fmt.Fprintf(out, "start to ready on a migrated database: median %s ms of %d (%s to %s; goal: under %s: %s); with migrations, keys and seed: %s ms\n",
			ms(middle), len(e.Starts), ms(e.Starts[0]), ms(e.Starts[len(e.Starts)-1]), ms(goalReady), yesNo(middle < goalReady), ms(e.FirstStart))
		fmt.Fprintf(out, "idle: %s resident (goal: under %s: %s), of which %s its own and the rest pages of the binary\n", mib(e.Idle), mib(goalIdle), yesNo(e.Idle < goalIdle), mib(e.IdleOwn))
	}
}

func goalText(g goal) string {
	if g.Most > 0 {
		return fmt.Sprintf("%.0f–%.0f %%", 100*g.Least, 100*g.Most)
	}
	return percent(g.Least)
}

func yesNo(ok bool) string {
	if ok {
		return "yes"
	}
	return "no"
}

func percent(f float64) string  { return fmt.Sprintf("%.0f %%", 100*f) }
func ms(d time.Duration) string { return figure(float64(d.Microseconds()) / 1000) }
func mib(n int64) string        { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
func trim(f float64) string     { return fmt.Sprintf("%.3g", f) }
func figure(f float64) string {
	if f >= 100 {
		return fmt.Sprintf("%.0f", f)
	}
	return trim(f)
}
