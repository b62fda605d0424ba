package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// event is one line of go test -json (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
	Time        time.Time
}

// timing is how long one package or test took.
type timing struct {
	name    string
	seconds float64
}

// tally counts tests over all runs.
type tally struct {
	passed, failed, skipped int

	failures []string // "engine package test", in the order they were met
	skips    []string
	packages []timing
	tests    []timing
}

func newTally() *tally { return &tally{} }

// testState is one test that has started.
type testState struct {
	output   []string
	verdict  string // pass, fail, skip, or empty while it runs
	seconds  float64
	children int
	failing  bool // a subtest failed
}

// packageState is one package that has started.
type packageState struct {
	order  []string // tests in the order they started
	tests  map[string]*testState
	output []string // lines that belong to no test

	// Where one package runs on several engines (engines.go):
	engine  string // the one it is at
	since   time.Time
	ended   bool // on that one
	failing bool // on any
}

// read adds the events of one go test run; engine is the one where no mark names another. Failures are printed as soon as their package has ended.
func (t *tally) read(engine string, events *bufio.Reader, out io.Writer) error {
	packages := map[string]*packageState{}
	builds := map[string][]string{} // compiler output by build id
	for {
		line, err := events.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(out, "%s", line) // go's own words, not an event
			} else {
				t.take(engine, e, packages, builds, out)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read a line: %w", err)
		}
	}
	// A package that started and never ended: go test was killed.
	for name, p := range packages {
		t.endPackage(engine, event{Action: "fail", Package: name}, p, builds, out)
	}
	return nil
}

// take applies one event.
func (t *tally) take(engine string, e event, packages map[string]*packageState, builds map[string][]string, out io.Writer) {
	if e.ImportPath != "" {
		if e.Action == "build-output" {
			builds[e.ImportPath] = append(builds[e.ImportPath], e.Output)
		}
		return
	}
	p := packages[e.Package]
	if p == nil {
		p = &packageState{tests: map[string]*testState{}}
		packages[e.Package] = p
	}
	if at, verdict, ok := readMark(e.Output); ok {
		next := &packageState{tests: map[string]*testState{}, engine: at, since: e.Time, failing: p.failing}
		if verdict != "" {
			before := t.failed
			t.endPackage(at, event{Action: verdict, Package: e.Package, Elapsed: e.Time.Sub(p.since).Seconds()}, p, builds, out)
			next.ended, next.failing = true, p.failing || t.failed > before
		}
		packages[e.Package] = next
		return
	}
	if e.Test == "" {
		switch e.Action {
		case "output":
			p.output = append(p.output, e.Output)
		case "pass", "fail", "skip":
			t.endPackage(engine, e, p, builds, out)
			delete(packages, e.Package)
		}
		return
	}
	s := p.tests[e.Test]
	if s == nil {
		s = &testState{}
		p.tests[e.Test] = s
		p.order = append(p.order, e.Test)
		if parent := p.tests[parentOf(e.Test)]; parent != nil {
			parent.children++
		}
	}
	switch e.Action {
	case "output":
		s.output = append(s.output, e.Output)
	case "pass", "skip":
		s.verdict, s.seconds = e.Action, e.Elapsed
		if e.Action == "pass" {
			s.output = nil
		}
	case "fail":
		s.verdict, s.seconds = e.Action, e.Elapsed
		for name := parentOf(e.Test); name != ""; name = parentOf(name) {
			if parent := p.tests[name]; parent != nil {
				parent.failing = true
			}
		}
	}
}

// parentOf returns the test that name is a subtest of, or "".
func parentOf(name string) string {
	i := strings.LastIndexByte(name, '/')
	return name[:max(i, 0)]
}

// endPackage counts the leaves of a package that has ended.
func (t *tally) endPackage(engine string, e event, p *packageState, builds map[string][]string, out io.Writer) {
	if p.engine != "" {
		engine = p.engine
	}
	if p.ended && p.failing {
		return // it was counted at the end of each engine
	}
	before := t.failed
	ran := 0
	for _, name := range p.order {
		s := p.tests[name]
		verdict := s.verdict
		if verdict == "" {
			// It was running when the package ended: a panic elsewhere, a timeout, or a killed process.
			verdict = "fail"
			s.output = append(s.output, "    (still running when the package ended)\n")
		}
		// A test with subtests is the sum of them, unless it failed by itself.
		if s.children > 0 && (verdict != "fail" || s.failing) {
			if verdict == "fail" && hasWords(s.output) {
				fmt.Fprintf(out, "    (in %s)\n%s", name, words(s.output))
			}
			continue
		}
		ran++
		t.tests = append(t.tests, timing{engine + " " + shortPackage(e.Package) + " " + name, s.seconds})
		switch verdict {
		case "pass":
			t.passed++
		case "skip":
			t.skipped++
			t.skips = append(t.skips, fmt.Sprintf("%s %s %s: %s", engine, e.Package, name, strings.TrimSpace(words(s.output))))
		case "fail":
			t.addFailure(engine, e.Package, name, words(s.output), out)
		}
	}
	if e.Action == "fail" && t.failed == before {
		why := strings.Join(builds[e.FailedBuild], "") + words(p.output)
		t.addFailure(engine, e.Package, "", why, out)
		ran++
	}
	if ran == 0 {
		return // no test files
	}
	t.packages = append(t.packages, timing{engine + " " + shortPackage(e.Package), e.Elapsed})
	mark := "ok  "
	if t.failed > before {
		mark = "FAIL"
	}
	fmt.Fprintf(out, "%s %-9s %-44s %5d tests %7.2fs\n", mark, engine, shortPackage(e.Package), ran, e.Elapsed)
}

// addFailure counts one failure and prints it.
func (t *tally) addFailure(engine, pkg, test, output string, out io.Writer) {
	t.failed++
	name := strings.TrimSpace(engine + " " + pkg + " " + test)
	t.failures = append(t.failures, name)
	fmt.Fprintf(out, "\n=== FAILED: %s\n%s", name, output)
	if output != "" && !strings.HasSuffix(output, "\n") {
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
}

// words returns the lines that a test wrote, without the frame that the testing package puts around them.
func words(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		trimmed := strings.TrimSpace(line)
		frame := slices.ContainsFunc([]string{"=== ", "--- PASS", "--- FAIL", "--- SKIP"}, func(prefix string) bool {
			return strings.HasPrefix(trimmed, prefix)
		})
		if !frame {
			b.WriteString(line)
		}
	}
	return b.String()
}

func hasWords(lines []string) bool { return strings.TrimSpace(words(lines)) != "" }

func shortPackage(path string) string { return strings.TrimPrefix(path, "idp/") }

// ok reports whether tests ran and none failed. A run of nothing is not a success.
func (t *tally) ok() bool { return t.failed == 0 && t.passed > 0 }

// line is the closing count.
func (t *tally) line() string {
	line := fmt.Sprintf("%d passed, %d failed", t.passed, t.failed)
	if t.skipped > 0 {
		line += fmt.Sprintf(", %d skipped", t.skipped)
	}
	return line
}

// writeSummary says what was slow, what was skipped and what failed.
func (t *tally) writeSummary(out io.Writer) {
	writeSlowest(out, "slowest packages", t.packages, 8)
	writeSlowest(out, "slowest tests", t.tests, 8)
	for _, s := range t.skips {
		fmt.Fprintf(out, "skipped: %s\n", s)
	}
	for _, f := range t.failures {
		fmt.Fprintf(out, "failed: %s\n", f)
	}
}

func writeSlowest(out io.Writer, title string, all []timing, limit int) {
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b timing) int { return cmp.Compare(b.seconds, a.seconds) })
	fmt.Fprintf(out, "%s:\n", title)
	for _, one := range sorted[:min(limit, len(sorted))] {
		fmt.Fprintf(out, "  %7.2fs  %s\n", one.seconds, one.name)
	}
}
