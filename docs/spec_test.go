package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// rows returns the cells of every line of a page's tables, without heads and rules.
func rows(t testing.TB, page string, columns int) [][]string {
	t.Helper()
	var all [][]string
	for line := range strings.Lines(read(t, page)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) != columns {
			t.Errorf("%s: a row of %d cells, want %d: %s", page, len(cells), columns, line)
			continue
		}
		if cells[0] != "clause" && cells[0] != "row" && cells[0] != "about" && cells[0] != "threat" {
			all = append(all, cells)
		}
	}
	return all
}

// testFunc is a test of the repository.
type testFunc struct {
	text string // with its comments
	file string
}

// tests finds every test and fuzz target by name. A name may be used in several packages.
var tests = sync.OnceValues(func() (map[string][]testFunc, error) {
	all := map[string][]testFunc{}
	for _, folder := range []string{"internal", "cmd", "e2e", "deploy", "docs", "scripts"} {
		paths := []string{}
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && strings.HasSuffix(path, "_test.go") {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, text, parser.ParseComments)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", path, err)
			}
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
					continue
				}
				from := f.Pos()
				if f.Doc != nil {
					from = f.Doc.Pos()
				}
				all[f.Name.Name] = append(all[f.Name.Name], testFunc{string(text[set.Position(from).Offset:set.Position(f.End()).Offset]), string(text)})
			}
		}
	}
	return all, nil
})

func allTests(t testing.TB) map[string][]testFunc {
	t.Helper()
	all, err := tests()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var ticked = regexp.MustCompile("`([^`]+)`")

// named returns what stands between backticks.
func named(cell string) []string {
	var words []string
	for _, m := range ticked.FindAllStringSubmatch(cell, -1) {
		words = append(words, m[1])
	}
	return words
}

var (
	wrapped   = regexp.MustCompile(`\n\s*//\s?`)
	citation  = regexp.MustCompile(`(RFC \d+|OpenID Connect Core|OpenID Connect Discovery|RP-Initiated Logout|Back-Channel Logout|Front-Channel Logout|Session Management|Multiple Response Types|Form Post|Client Registration|Client ID Metadata Document|Prompt Create|JARM|FAPI 2\.0 (?:Message Signing|Security Profile)|CIBA)((?:(?:,| and|)\s*§[\d.]*\d)+)`)
	section   = regexp.MustCompile(`§[\d.]*\d`)
	spellings = strings.NewReplacer("OIDC Core", "OpenID Connect Core", "OIDC Discovery", "OpenID Connect Discovery", "Connect Core 1.0", "Connect Core",
		"Connect Discovery 1.0", "Connect Discovery", "Initiated Logout 1.0", "Initiated Logout",
		"Channel Logout 1.0", "Channel Logout", "Session Management 1.0", "Session Management", "Form Post Response Mode", "Form Post", "CIBA Core 1.0", "CIBA",
		"Connect Dynamic Client Registration 1.0", "Client Registration", "Connect Dynamic Client Registration", "Client Registration", "Client Registration 1.0", "Client Registration", "Connect Registration", "Client Registration")
)

// citations returns the clauses that a text names: "RFC 6749 §4.1.2, §10.5" are two.
func citations(text string) map[string]bool {
	text = spellings.Replace(wrapped.ReplaceAllString(text, " "))
	clauses := map[string]bool{}
	for _, m := range citation.FindAllStringSubmatch(text, -1) {
		for _, s := range section.FindAllString(m[2], -1) {
			clauses[m[1]+" "+s] = true
		}
	}
	return clauses
}

func TestCitations_AreRead(t *testing.T) {
	t.Parallel()
	got := citations("// RFC 6749 §4.1.2, §10.5 and OpenID Connect\n\t// Core 1.0 §3.1.2.1, RFC 9700\n// §4.14.2: the rest; RP-Initiated Logout 1.0 §2.")
	for _, want := range []string{"RFC 6749 §4.1.2", "RFC 6749 §10.5", "OpenID Connect Core §3.1.2.1", "RFC 9700 §4.14.2", "RP-Initiated Logout §2"} {
		if !got[want] {
			t.Errorf("%s was not found in %v", want, got)
		}
	}
	if len(got) != 5 {
		t.Errorf("got %v, want five clauses", got)
	}
}

// specifications lists the tables of clauses.
func specifications(t testing.TB) []string {
	t.Helper()
	return slices.DeleteFunc(files(t, ".md", "docs/spec"), func(page string) bool {
		name := filepath.Base(page)
		return name == "requirements.md" || name == filepath.Base(threatsPage) || name == "divergences.md" || name == "README.md"
	})
}

// A clause is either kept, by code that cites it and tests that exist, or it says why not.
func TestSpec_EachClauseIsKeptByCodeAndTests(t *testing.T) {
	t.Parallel()
	all := allTests(t)
	kept := 0
	for _, page := range specifications(t) {
		for _, row := range rows(t, page, 5) {
			clause, where, proof := row[0], row[3], row[4]
			at := page + ", " + clause
			if excuse := regexp.MustCompile(`^(?:not supported: because|later:|open:) `).FindString(where); excuse != "" {
				if proof != "—" || len(where) < len(excuse)+15 {
					t.Errorf("%s: %q with the test %s, want a reason and no test", at, where, proof)
				}
				continue
			}
			kept++
			code, _, _ := strings.Cut(where, ";")
			cited := false
			for _, place := range named(code) {
				file, name, _ := strings.Cut(place, ":")
				text, err := os.ReadFile(filepath.Join(root, file))
				if err != nil {
					t.Errorf("%s: %v", at, err)
					continue
				}
				if name != "" && !regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?`+name+`\b`).Match(text) {
					t.Errorf("%s: %s has no function %s", at, file, name)
				}
				cited = cited || citations(string(text))[clause]
			}
			if !cited {
				t.Errorf("%s: no file of %s cites it", at, code)
			}
			for _, name := range named(proof) {
				if all[name] == nil {
					t.Errorf("%s: there is no test %s", at, name)
				}
			}
			if len(named(proof)) == 0 {
				t.Errorf("%s: no test is named", at)
			}
		}
	}
	if kept < 150 {
		t.Fatalf("only %d clauses are kept: the reader is blind", kept)
	}
}

// wanted lists the requirement rows of which each must be answered for.
func wanted() []string {
	var ids []string
	add := func(prefix string, numbers ...int) {
		for _, n := range numbers {
			ids = append(ids, fmt.Sprintf("%s-%d", prefix, n))
		}
	}
	upTo := func(n int) (numbers []int) {
		for i := range n {
			numbers = append(numbers, i+1)
		}
		return numbers
	}
	add("FL", upTo(22)...)
	add("FB", upTo(9)...)
	add("FD", append(upTo(11), 14, 15, 16, 17, 18)...)
	add("FS", 4, 8, 10, 11, 12, 13, 15, 23, 24, 25, 26, 47)
	add("RP", upTo(15)...)
	add("SEC", upTo(24)...)
	return append(ids, "protocol.md §3.1", "protocol.md §3.2", "protocol.md §3.3", "protocol.md §3.4", "protocol.md §3.5", "protocol.md §3.6", "protocol.md §3.7", "protocol.md §3.8", "protocol.md §3.9")
}

// mentions reports whether a text names a row: FL-1 is not in FL-10.
func mentions(text, id string) bool {
	return regexp.MustCompile(`(?:^|[^\w.-])` + regexp.QuoteMeta(id) + `(?:[^\w.-]|\.(?:\D|$)|$)`).MatchString(text)
}

func TestRequirements_EachRowIsAnsweredFor(t *testing.T) {
	t.Parallel()
	all := allTests(t)
	seen := map[string]bool{}
	for _, row := range rows(t, "docs/spec/requirements.md", 4) {
		id, state, about, proof := row[0], row[1], row[2], row[3]
		if strings.HasPrefix(id, "protocol.md") {
			id = strings.Join(strings.Fields(id)[:2], " ")
		}
		seen[id] = true
		switch state {
		case "later":
			if proof != "—" || !strings.HasPrefix(about, "because ") {
				t.Errorf("%s is for later: want a reason and no test, got %q and %s", id, about, proof)
			}
			continue
		case "partly":
			if !strings.Contains(about, ";") && !strings.Contains(about, "when they exist") {
				t.Errorf("%s is partly there: %q does not say what is missing", id, about)
			}
		case "done":
		default:
			t.Errorf("%s: state %q, want done, partly or later", id, state)
		}
		if len(named(proof)) == 0 {
			t.Errorf("%s: no test is named", id)
		}
		for _, name := range named(proof) {
			if all[name] == nil {
				t.Errorf("%s: there is no test %s", id, name)
				continue
			}
			if !slices.ContainsFunc(all[name], func(f testFunc) bool {
				// A row of the checklist has many cases, so its file may name it.
				return mentions(f.text, id) || strings.HasPrefix(id, "protocol.md") && mentions(f.file, id)
			}) {
				t.Errorf("%s: the test %s does not name the row", id, name)
			}
		}
	}
	for _, id := range wanted() {
		if !seen[id] {
			t.Errorf("docs/spec/requirements.md has no row %s", id)
		}
	}
}

func TestDivergences_HaveReasons(t *testing.T) {
	t.Parallel()
	for _, row := range rows(t, "docs/spec/divergences.md", 4) {
		if len(row[2]) < 10 || len(row[3]) < 15 {
			t.Errorf("%s: says too little: %q because %q", row[0], row[2], row[3])
		}
	}
}
