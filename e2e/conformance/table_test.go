package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is one of the suite's, by its own name for it.
type module struct {
	id      string
	shows   string // in our words, for docs/conformance/modules.md
	verdict string // what the suite would say; empty: PASSED
	cold    bool   // it begins without cookies in every variant
	play    func(*run)
}

// entry is what a plan plays in one variant.
type entry struct {
	variant
	modules []string
}

// playedPlan is a plan file and what the suite plays for it.
type playedPlan struct {
	file    string
	entries []entry
}

// every module and every plan, each room's in the files of its own.
func modules() []module {
	return slices.Concat(coreModules(), dynamicModules(), logoutModules(), fapiModules(), cibaModules())
}

func playedPlans() []playedPlan {
	return slices.Concat(corePlans(), dynamicPlans(), logoutPlans(), fapiPlans(), cibaPlans())
}

// TestConformance plays every module of every plan.
func TestConformance(t *testing.T) { // protocol.md §3, and with its CIBA plans protocol.md §3.9
	known := map[string]module{}
	for _, m := range modules() {
		if _, twice := known[m.id]; twice || m.shows == "" {
			t.Errorf("the module %s is there twice, or shows nothing", m.id)
		}
		known[m.id] = m
	}
	for _, p := range playedPlans() {
		t.Run(p.file, func(t *testing.T) {
			t.Parallel()
			for _, e := range p.entries {
				for _, id := range e.modules {
					m, ok := known[id]
					if !ok {
						t.Errorf("nobody plays %s", id)
						continue
					}
					t.Run(strings.Trim(e.variant.String()+"/"+id, "/"), func(t *testing.T) {
						t.Parallel()
						r := newRun(t, shared, shared.anybody(), p.file, e.variant)
						r.scripted(id)
						if e.signedIn && !m.cold {
							r.enter()
						}
						m.play(r)
						want := m.verdict
						if want == "" {
							want = "PASSED"
						}
						if got := r.verdict(); got != want && !t.Failed() {
							t.Errorf("the verdict is %q, the table says %q", got, want)
						}
					})
				}
			}
		})
	}
}

// table is docs/conformance/modules.md.
func table() string {
	known := map[string]module{}
	for _, m := range modules() {
		known[m.id] = m
	}
	var b strings.Builder
	b.WriteString("# The suite's modules, played\n\n" +
		"Written by the tests: `go test ./e2e/conformance -run Fresh -update-conformance`. `e2e/conformance` plays each of these modules against the built binary;\n" +
		"[README.md](README.md#the-modules-played) says what that is worth. PASSED: nothing fails and nothing is warned about. REVIEW: the same, and the suite asks somebody to look at\n" +
		"a page. SKIPPED: the suite leaves the module out, because discovery says that we do not do this. The plans of Core are\nplayed twice: with the clients of this folder, and with clients that register themselves.\n\n" +
		"| plan | module | what it shows | verdict |\n| --- | --- | --- | --- |\n")
	for _, p := range playedPlans() {
		var seen []string
		for _, e := range p.entries {
			for _, id := range e.modules {
				if slices.Contains(seen, id) {
					continue
				}
				seen = append(seen, id)
				verdict := known[id].verdict
				if verdict == "" {
					verdict = "PASSED"
				}
				fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", p.file, id, known[id].shows, verdict)
			}
		}
	}
	return b.String()
}

// docs/conformance/modules.md is what the table says.
func TestModulesFileIsFresh(t *testing.T) {
	if *updateConformance {
		if err := os.WriteFile(filepath.Join(folder, "modules.md"), []byte(table()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(folder, "modules.md"))
	if err != nil || string(got) != table() {
		t.Errorf("docs/conformance/modules.md is not what the table says (%v). Run: go test ./e2e/conformance -run Fresh -update-conformance", err)
	}
}
