package config

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"sort"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the generated files")

const (
	commentsFile = "comments.go"
	docFile      = "../../docs/config.md"
	schemaFile   = "../../docs/config.schema.json"
)

// readComments takes the text of every setting from the source: the comment of its field.
func readComments(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	m := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if st, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range st.Fields.List {
				for _, name := range f.Names {
					if name.IsExported() {
						m[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
		}
		return false
	})
	return m
}

func commentsSource(m map[string]string) string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString("// Code generated from config.go by `go test ./internal/config -update`; DO NOT EDIT.\n\npackage config\n\n")
	b.WriteString("// comments returns the comment of each setting.\nfunc comments() map[string]string {\n\treturn map[string]string{\n")
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		fmt.Fprintf(&b, "\t\t%q:%s %q,\n", name, strings.Repeat(" ", width-len(name)), m[name])
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

// TestDocs_AreFresh proves that what is generated from the comments and tags says what they say.
func TestDocs_AreFresh(t *testing.T) {
	t.Parallel()
	fromSource := readComments(t)
	for path, want := range map[string]string{
		commentsFile: commentsSource(fromSource),
		docFile:      document(fromSource),
		schemaFile:   schema(fromSource),
	} {
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is stale (%v): run go test ./internal/config -update", path, err)
		}
	}
}

func TestDocs_EverySettingHasAComment(t *testing.T) {
	t.Parallel()
	for _, f := range new(Config).fields(readComments(t)) {
		if !strings.HasSuffix(f.comment, ".") {
			t.Errorf("comment of %s: got %q, want a sentence", f.key, f.comment)
		}
	}
}

func TestDocs_FlaskLoginSettingsAreMapped(t *testing.T) { // FL-22
	t.Parallel()
	doc := Doc()
	for _, name := range strings.Fields("NAME DURATION DOMAIN PATH SECURE HTTPONLY SAMESITE REFRESH_EACH_REQUEST") {
		if !strings.Contains(doc, "| `REMEMBER_COOKIE_"+name+"` |") {
			t.Errorf("docs/config.md has no row for REMEMBER_COOKIE_%s", name)
		}
	}
	for _, name := range []string{"SESSION_PROTECTION", "USE_SESSION_FOR_NEXT", "FORCE_HOST_FOR_REDIRECTS", "LOGIN_DISABLED"} {
		if !strings.Contains(doc, "| `"+name+"` |") {
			t.Errorf("docs/config.md has no row for %s", name)
		}
	}
	for key := range new(Config).settings() { // no switch turns authentication off
		for _, bad := range []string{"disable", "no_auth", "insecure", "anonymous", "skip", "login_"} {
			if strings.Contains(key, bad) {
				t.Errorf("setting %s sounds like a switch that turns a protection off", key)
			}
		}
	}
}

func TestSchema_KnowsEveryFileSetting(t *testing.T) {
	t.Parallel()
	var root struct {
		Properties map[string]struct {
			Properties map[string]any
		}
	}
	if err := json.Unmarshal([]byte(Schema()), &root); err != nil {
		t.Fatal(err)
	}
	for key, f := range new(Config).settings() {
		group, member, nested := strings.Cut(key, ".")
		_, ok := root.Properties[group]
		if nested && ok {
			_, ok = root.Properties[group].Properties[member]
		}
		if ok == f.flagOnly() {
			t.Errorf("%s in the schema: got %v, want %v", key, ok, !f.flagOnly())
		}
	}
}
