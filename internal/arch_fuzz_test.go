package internal_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"testing"
)

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// A fuzz target without seeds finds what a random text finds: nothing behind the first bracket. Its seeds lie beside it, where "go test" tries them
// each time, and each finding joins them.
func TestFuzz_EveryTargetHasSeeds(t *testing.T) {
	t.Parallel()
	targets := map[string]bool{}
	for _, s := range sources(t) {
		for _, found := range fuzzTarget.FindAllSubmatch(s.text, -1) {
			folder := path.Join(path.Dir(s.path), "testdata", "fuzz", string(found[1]))
			targets[folder] = true
			if seeds, err := os.ReadDir(filepath.Join("..", folder)); err != nil || len(seeds) == 0 {
				t.Errorf("%s: %s has no seeds in %s", s.path, found[1], folder)
			}
		}
	}
	if len(targets) < 30 {
		t.Fatalf("only %d targets were found: the search is blind", len(targets))
	}
	folders, err := filepath.Glob(filepath.Join("..", "internal", "*", "testdata", "fuzz", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if at := filepath.ToSlash(folder[len("../"):]); !targets[at] {
			t.Errorf("%s: there is no such target", at)
		}
	}
}
