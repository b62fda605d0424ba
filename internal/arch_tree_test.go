package internal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is the length at which a file stops answering one question.
const maxLines = 600

func TestTree_NoFileIsTooLong(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if why := tooLong(s); why != "" {
			t.Errorf("%s:%d: %s", s.path, maxLines+1, why)
		}
	}
}

func tooLong(s *source) string {
	if n := bytes.Count(s.text, []byte("\n")); n > maxLines && !s.isTest {
		return fmt.Sprintf("%d lines, %d at most: split it by the questions it answers", n, maxLines)
	}
	return ""
}

func TestTree_PackagesSayWhatTheyOwn(t *testing.T) {
	t.Parallel()
	files := map[string][]string{}
	for _, s := range sources(t) {
		if !s.isTest {
			folder := path.Dir(s.path)
			files[folder] = append(files[folder], path.Base(s.path))
		}
	}
	for folder, names := range files {
		if why := lacksDoc(names); why != "" {
			t.Errorf("%s/doc.go:1: %s", folder, why)
		}
	}
}

func lacksDoc(names []string) string {
	if len(names) >= 2 && !slices.Contains(names, "doc.go") {
		return fmt.Sprintf("missing, and the package has %d files: say what it owns, what it does not, and which specs", len(names))
	}
	return ""
}

// maySayMachine lists files that may contain what looks like a path of a build machine or a registry's host.
var maySayMachine = []excuse{}

// The words are put together here so that this file does not contain what it looks for.
var (
	machinePath = regexp.MustCompile(`(?:^|[^A-Za-z0-9_.~/}*-])/(?:ro` + `ot|wo` + `rk|ho` + `me)/[A-Za-z0-9_.-]`)
	registry    = regexp.MustCompile(`(?i)\b(?:` + strings.Join([]string{
		`proxy\.golang` + `\.org`, `sum\.golang` + `\.org`, `registry\.npm` + `js\.org`, `registry\.yarn` + `pkg\.com`,
		`py` + `pi\.org`, `files\.python` + `hosted\.org`, `static\.crates` + `\.io`, `index\.crates` + `\.io`,
		`repo1?\.maven` + `\.(?:apache\.)?org`, `deb\.debian` + `\.org`, `security\.debian` + `\.org`,
	}, `|`) + `)\b`)
)

func TestTree_NamesNoMachine(t *testing.T) {
	t.Parallel()
	for _, name := range trackedFiles(t) {
		if excused(maySayMachine, name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue // tracked, and removed in the work tree
		}
		if err != nil {
			t.Fatalf("read %s: %v", name, err)
		}
		for _, found := range machineWords(text) {
			t.Errorf("%s:%d: %s", name, found.line, found.why)
		}
	}
}

type finding struct {
	line int
	why  string
}

// machineWords returns the lines of a text file that name a folder of a build machine or a package registry's host.
func machineWords(text []byte) []finding {
	if bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
		return nil // not text
	}
	var all []finding
	for i, line := range bytes.Split(text, []byte("\n")) {
		if found := machinePath.Find(line); found != nil {
			all = append(all, finding{i + 1, fmt.Sprintf("%q: a folder of somebody's machine means nothing elsewhere", found)})
		}
		if found := registry.Find(line); found != nil {
			all = append(all, finding{i + 1, fmt.Sprintf("%q: name the package, not the registry it comes from", found)})
		}
	}
	return all
}

// trackedFiles lists what is, or would be, in the repository; without git, every file outside ignored folders.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	if out, err := list.Output(); err == nil && len(out) > 0 {
		return slices.Compact(strings.Split(strings.TrimRight(string(out), "\x00"), "\x00"))
	}
	var names []string
	err := filepath.WalkDir(root, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "node_modules", "bin", ".cache", "idp-data", "__pycache__"}, entry.Name()) {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() {
			name, err := filepath.Rel(root, full)
			if err != nil {
				return err
			}
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("list the files: %v", err)
	}
	return names
}

// TestTree_ExcusesAreUsed keeps the lists of exceptions short: one that excuses nothing goes.
func TestTree_ExcusesAreUsed(t *testing.T) {
	t.Parallel()
	var excuses []excuse
	excuses = append(excuses, maySkip...)
	excuses = append(excuses, maySleep...)
	excuses = append(excuses, maySayMachine...)
	for _, v := range mayHoldVariable {
		excuses = append(excuses, excuse{v.file, v.because})
	}
	for _, e := range excuses {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(e.file))); err != nil {
			t.Errorf("%s is excused from a rule and does not exist: remove the entry", e.file)
		}
		if e.because == "" {
			t.Errorf("%s is excused without a reason", e.file)
		}
	}
}
