// Package docs_test holds the documentation to the program: the tables of docs/spec to code and tests (spec_test.go), and every link, command,
// flag and setting that a page names to what there is (docs_test.go).
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository, seen from the folder of this test.
const root = ".."

// read returns a file of the repository.
func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files lists the files of the repository below some folders whose names end in suffix, with slashes.
func files(t testing.TB, suffix string, folders ...string) []string {
	t.Helper()
	var found []string
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && path != root) {
				return fs.SkipDir
			}
			if !entry.IsDir() && strings.HasSuffix(path, suffix) {
				path, err = filepath.Rel(root, path)
				found = append(found, filepath.ToSlash(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// pages lists what people read.
func pages(t testing.TB) []string {
	t.Helper()
	return append(files(t, ".md", "docs", "deploy"), "README.md", "CONTRIBUTING.md")
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	heading = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// slug is the anchor that a heading gets.
func slug(text string) string {
	return strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(text), ""), " ", "-")
}

func TestLinks_LeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		text := fence.ReplaceAllString(read(t, page), "")
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			path := page
			if target != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s links to %s, and there is no %s", page, found[1], path)
				continue
			}
			if anchor == "" || !strings.HasSuffix(path, ".md") {
				continue
			}
			anchors := []string{}
			for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(read(t, path), ""), -1) {
				anchors = append(anchors, slug(h[1]))
			}
			if !slices.Contains(anchors, anchor) {
				t.Errorf("%s links to %s, and %s has no heading of that name", page, found[1], path)
			}
		}
	}
}

// command is a command of the program, with the flags that it takes.
type command struct {
	verbs bool            // others stand below it
	flags map[string]bool // and their single letters
}

var (
	commandHeading = regexp.MustCompile(`^#{2,6} (idp [a-z -]+)$`)
	flagLine       = regexp.MustCompile("^(?:- `|    +)(?:-([a-zA-Z]), )?--([a-z][a-z0-9-]*)")
	flagAnywhere   = regexp.MustCompile(`(?:^|[\s\[(])(?:--([a-z][a-z0-9-]*)|-([a-zA-Z])(?:[\s\])]|$))`)
)

// commands reads docs/cli.md, which a test of cmd/idp keeps equal to the command tree.
func commands(t testing.TB) map[string]*command {
	t.Helper()
	everywhere := map[string]bool{"help": true, "h": true}
	all := map[string]*command{}
	var here *command
	for line := range strings.Lines(read(t, "docs/cli.md")) {
		line = strings.TrimRight(line, "\n")
		if m := commandHeading.FindStringSubmatch(line); m != nil {
			here = &command{flags: map[string]bool{}}
			all[m[1]] = here
			continue
		}
		if m := flagLine.FindStringSubmatch(line); m != nil && strings.HasPrefix(line, "- ") {
			takes := everywhere
			if here != nil {
				takes = here.flags
			}
			takes[m[1]], takes[m[2]] = true, true
		}
	}
	for name, c := range all {
		for above := name; strings.Contains(above, " "); {
			above = above[:strings.LastIndexByte(above, ' ')]
			if parent := all[above]; parent != nil {
				parent.verbs = true
				for flag := range parent.flags {
					c.flags[flag] = true
				}
			}
		}
		for flag := range everywhere {
			c.flags[flag] = true
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d commands found in docs/cli.md: the reader is blind", len(all))
	}
	return all
}

// fault says what is wrong with a command line as a page shows it, "" if nothing is.
func fault(all map[string]*command, line string) string {
	line, _, _ = strings.Cut(line, "|") // what follows is another program's
	words := strings.Fields(strings.NewReplacer("\\\n", " ", "\n", " ").Replace(line))
	name, c := "idp", (*command)(nil)
	rest := words[1:]
	for len(rest) > 0 {
		next := all[name+" "+rest[0]]
		if next == nil {
			break
		}
		name, c, rest = name+" "+rest[0], next, rest[1:]
	}
	plain := regexp.MustCompile(`^[a-z][a-z-]*$`)
	switch {
	case c == nil && (len(rest) == 0 || !plain.MatchString(rest[0])):
		return ""
	case c == nil:
		return "there is no command idp " + rest[0]
	case c.verbs && len(rest) > 0 && plain.MatchString(rest[0]):
		return "there is no command " + name + " " + rest[0]
	}
	for _, flag := range flagAnywhere.FindAllStringSubmatch(strings.Join(rest, " "), -1) {
		switch word, letter := flag[1], flag[2]; {
		case word != "" && !c.flags[word]:
			return name + " takes no --" + word
		case letter != "" && !c.flags[letter]:
			return name + " takes no -" + letter
		}
	}
	return ""
}

func TestFault_FindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	all := commands(t)
	for line, want := range map[string]string{
		"idp client create my-app --name x": "", "idp client create --nmae x": "idp client create takes no --nmae", "idp client crate x": "there is no command idp client crate",
		"idp clinet list": "there is no command idp clinet", "idp serve --dev": "", "idp serve -c idp.yaml": "idp serve takes no -c", "idp trace ID": "", "idp": "", "idp key ring rotate": "", "idp user list -o json --quiet": "",
	} {
		if got := fault(all, line); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

var (
	inTicks = regexp.MustCompile("`(idp(?: [^`]*)?)`")
	inBlock = regexp.MustCompile(`(?m)^(?:    |\$ )?(?:go run \./cmd/)?(idp (?:[^\n\\#|&;]|\\\n|\\[^\n])*)`)
	block   = regexp.MustCompile("(?ms)^```.*?^```|^(?:    [^\n]*\n)+")
)

func TestCommands_NamedInPagesExist(t *testing.T) {
	t.Parallel()
	all := commands(t)
	found := 0
	for _, page := range pages(t) {
		text := read(t, page)
		lines := []string{}
		for _, m := range inTicks.FindAllStringSubmatch(text, -1) {
			lines = append(lines, m[1])
		}
		for _, b := range block.FindAllString(text, -1) {
			for _, m := range inBlock.FindAllStringSubmatch(b, -1) {
				lines = append(lines, m[1])
			}
		}
		for _, line := range lines {
			if page == "docs/cli.md" && strings.HasPrefix(line, "idp lets your") {
				continue // a sentence
			}
			found++
			if why := fault(all, line); why != "" {
				t.Errorf("%s says %q: %s", page, line, why)
			}
		}
	}
	if found < 100 {
		t.Fatalf("only %d command lines found: the reader is blind", found)
	}
}

// joint is where Go code puts a value into a text.
var joint = regexp.MustCompile(`"\s*\+[^"` + "`" + `]+\+\s*"`)

// TestCommands_NamedByTheProgramExist is for the mends: what `idp trace`, `idp doctor` and every refusal tell people to type.
func TestCommands_NamedByTheProgramExist(t *testing.T) {
	t.Parallel()
	all := commands(t)
	found := 0
	for _, file := range files(t, ".go", "internal", "cmd") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		var code strings.Builder
		for line := range strings.Lines(read(t, file)) {
			if !strings.HasPrefix(strings.TrimSpace(line), "//") {
				code.WriteString(line)
			}
		}
		for _, m := range regexp.MustCompile("`(idp [^`\"\n]+)`").FindAllStringSubmatch(joint.ReplaceAllString(code.String(), "VALUE"), -1) {
			found++
			if why := fault(all, m[1]); why != "" {
				t.Errorf("%s says %q: %s", file, m[1], why)
			}
		}
	}
	if found < 20 {
		t.Fatalf("only %d command lines found in the program: the reader is blind", found)
	}
}

func TestSettings_NamedInPagesExist(t *testing.T) {
	t.Parallel()
	keys, groups := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^### `([a-z0-9_.]+)`").FindAllStringSubmatch(read(t, "docs/config.md"), -1) {
		keys[m[1]] = true
		if group, _, dotted := strings.Cut(m[1], "."); dotted {
			groups[group] = true
		}
	}
	if len(keys) < 20 {
		t.Fatalf("only %d settings found in docs/config.md: the reader is blind", len(keys))
	}
	variables := map[string]bool{"IDP_CONFIG": true, "IDP_URL": true, "IDP_TOKEN": true, "IDP_TOKEN_FILE": true}
	variable := regexp.MustCompile(`\bIDP_[A-Z0-9_]*[A-Z0-9]\b`)
	for _, line := range regexp.MustCompile("(?m)^- Environment: .*").FindAllString(read(t, "docs/config.md"), -1) {
		for _, name := range variable.FindAllString(line, -1) {
			variables[name], variables[name+"_FILE"] = true, true
		}
	}
	dotted := regexp.MustCompile("`([a-z]+)\\.([a-z_]+)`")
	for _, page := range append(pages(t), files(t, ".yaml", "deploy")...) {
		if strings.HasPrefix(page, "docs/spec/") {
			continue // there `contract.code_ttl` and its like are fields of a client
		}
		text := read(t, page)
		for _, m := range dotted.FindAllStringSubmatch(text, -1) {
			if name := m[1] + "." + m[2]; groups[m[1]] && !keys[name] && !keys[strings.TrimSuffix(name, "_file")] && m[2] != "yaml" {
				t.Errorf("%s names the setting %s.%s, which docs/config.md does not have", page, m[1], m[2])
			}
		}
		for _, name := range variable.FindAllString(text, -1) {
			if !variables[name] && !strings.HasPrefix(name, "IDP_TEST_") && !strings.HasPrefix(name, "IDP_E2E_") && name != "IDP_VULNDB" {
				t.Errorf("%s names the variable %s, which is no setting of docs/config.md", page, name)
			}
		}
	}
}

// A file that a page names is there; x and N stand for what somebody will add, and the secrets are made by a script.
func TestPaths_NamedInPagesExist(t *testing.T) {
	t.Parallel()
	path := regexp.MustCompile("`((?:internal|cmd|e2e|deploy|docs|scripts)/[A-Za-z0-9_./-]+)(?::[A-Za-z]+)?`")
	placeholder := regexp.MustCompile(`(?:^|/)x\.|NNNN|NOUN|^deploy/secrets$`)
	found := 0
	for _, page := range pages(t) {
		for _, m := range path.FindAllStringSubmatch(read(t, page), -1) {
			if placeholder.MatchString(m[1]) {
				continue
			}
			found++
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
	}
	if found < 200 {
		t.Fatalf("only %d paths found: the reader is blind", found)
	}
}

// FD-14, PS-30: what is not offered is a decision with its reason, not silence.
func TestDecisions_AreOnRecord(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/google.md")
	for _, what := range []string{"OAuth 1.0a", "OpenID 2.0", "SAML", "Facebook"} {
		at := strings.Index(text, "| "+what)
		if at < 0 {
			t.Errorf("docs/google.md has no row about %s", what)
			continue
		}
		row, _, _ := strings.Cut(text[at:], "\n")
		if cells := strings.Split(row, "|"); len(cells) < 4 || len(strings.TrimSpace(cells[3])) < 40 {
			t.Errorf("the row about %s gives no reason: %s", what, row)
		}
	}
}

// Every page below docs is reached from the index.
func TestIndex_NamesEveryPage(t *testing.T) {
	t.Parallel()
	index := read(t, "docs/README.md")
	for _, page := range files(t, ".md", "docs") {
		name := strings.TrimPrefix(page, "docs/")
		if folder, _, below := strings.Cut(name, "/"); below && strings.Contains(index, "("+folder+"/)") {
			continue
		}
		if name != "README.md" && !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/README.md does not lead to %s", name)
		}
	}
}

// A decision is called by its number: two with the same one would be taken for each other.
func TestDecisions_HaveANumberOfTheirOwn(t *testing.T) {
	t.Parallel()
	taken := map[string]string{}
	for _, page := range files(t, ".md", "docs/adr") {
		number, _, _ := strings.Cut(filepath.Base(page), "-")
		if other, ok := taken[number]; ok {
			t.Errorf("%s and %s have the same number", other, page)
		}
		taken[number] = page
		if title := "# " + strings.TrimLeft(number, "0") + ". "; !strings.HasPrefix(read(t, page), title) {
			t.Errorf("%s does not begin with %q", page, title)
		}
	}
}

// The map of the packages leaves none out. Those of e2e/clients are its applications.
func TestArchitecture_NamesEveryPackage(t *testing.T) {
	t.Parallel()
	drawing, _, _ := strings.Cut(read(t, "docs/ARCHITECTURE.md"), "## Where is")
	for _, file := range files(t, "/doc.go", "internal", "e2e") {
		folder := filepath.Dir(file)
		named := regexp.MustCompile(`(?:^|[\s/])` + regexp.QuoteMeta(filepath.Base(folder)) + `/`)
		if !strings.HasPrefix(folder, "e2e/clients/") && !named.MatchString(drawing) {
			t.Errorf("docs/ARCHITECTURE.md does not name %s", folder)
		}
	}
}
