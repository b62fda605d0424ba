package internal_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// wireFiles are the lists of words that go over the wire, and hardly mean anything else.
var wireFiles = []string{"internal/idp/error_code.go", "internal/idp/media_type.go", "internal/idp/client_authentication.go"}

// wireWords returns the constants of wireFiles by their words. One without a mark between two words is left out: "issuer" and "none" are English.
func wireWords(all []*source) map[string]string {
	words := map[string]string{}
	for _, s := range all {
		listed := false
		for _, file := range wireFiles {
			listed = listed || s.path == file
		}
		if !listed {
			continue
		}
		for name, word := range stringConstants(s) {
			if strings.ContainsAny(word, "_/") || word == "S256" {
				words[word] = "idp." + name
			}
		}
	}
	return words
}

// stringConstants returns the constants that a file declares at its top.
func stringConstants(s *source) map[string]string {
	found := map[string]string{}
	for _, decl := range s.syntax.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			value := spec.(*ast.ValueSpec)
			for i, name := range value.Names {
				if i >= len(value.Values) {
					continue
				}
				if literal, ok := value.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil {
						found[name.Name] = text
					}
				}
			}
		}
	}
	return found
}

// wireRule: a word of the protocol that is written out twice is misspelt once, and only the other side notices.
func wireRule(words map[string]string) rule {
	return func(s *source, report func(ast.Node, string)) {
		if s.isTest || isSupport(s.pkg) {
			return
		}
		for _, file := range wireFiles {
			if s.path == file {
				return
			}
		}
		s.literals(func(at ast.Node, text string) {
			plain, err := strconv.Unquote(text)
			if err != nil {
				return
			}
			if name := words[plain]; name != "" {
				report(at, fmt.Sprintf("%q: write %s", plain, name))
				return
			}
			// An answer that is put together by hand: error="…" of a challenge, "error":"…" of a body.
			for _, start := range []string{`error="`, `"error":"`} {
				if _, rest, found := strings.Cut(plain, start); found {
					code, _, _ := strings.Cut(rest, `"`)
					if name := words[code]; name != "" {
						report(at, fmt.Sprintf("%q: write %s", code, name))
					}
				}
			}
		})
	}
}

func TestWire_WordsOfTheProtocolAreConstants(t *testing.T) {
	t.Parallel()
	words := wireWords(sources(t))
	for _, word := range []string{"invalid_request", "application/json", "private_key_jwt", "S256"} {
		if words[word] == "" {
			t.Errorf("%q is in none of %s", word, strings.Join(wireFiles, ", "))
		}
	}
	enforce(t, wireRule(words))
}

// TestWire_EveryErrorCodeIsSent keeps the list true: a code that nobody sends or looks for goes.
func TestWire_EveryErrorCodeIsSent(t *testing.T) {
	t.Parallel()
	unused := map[string]bool{}
	for _, s := range sources(t) {
		if s.path == wireFiles[0] {
			for name := range stringConstants(s) {
				unused[name] = true
			}
		}
	}
	for _, s := range sources(t) {
		if s.isTest || s.path == wireFiles[0] {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok {
				delete(unused, name.Name)
			}
			return true
		})
	}
	for name := range unused {
		t.Errorf("nobody uses idp.%s: remove it from %s", name, wireFiles[0])
	}
}

func TestRules_BareWireWordsAreFound(t *testing.T) {
	t.Parallel()
	list, err := parse(wireFiles[0], "internal/idp", []byte("package p\nconst (\n\tCodeX = \"invalid_x\"\n\tCodeY = \"plain\"\n)"))
	if err != nil {
		t.Fatal(err)
	}
	words := wireWords([]*source{list})
	tests := []struct {
		name, path, code string
		want             int
	}{
		{"a bare code", "internal/oauth/a.go", "package p\nvar x = \"invalid_x\"", 2},
		{"a bare code between backquotes", "internal/oauth/a.go", "package p\nvar x = `invalid_x`", 2},
		{"a code in a challenge", "internal/oauth/a.go", "package p\nvar x = `Bearer error=\"invalid_x\"`", 2},
		{"a code in a body", "internal/oauth/a.go", "package p\nvar x = `{\"error\":\"invalid_x\"}`", 2},
		{"a constant of one's own", "internal/oauth/a.go", "package p\nconst mine = \"invalid_x\"", 2},
		{"a word of English", "internal/oauth/a.go", "package p\nvar x = \"plain\"", 0},
		{"a code in a sentence", "internal/oauth/a.go", "package p\nvar x = \"It says invalid_x then.\"", 0},
		{"the list itself", wireFiles[0], "package p\nconst x = \"invalid_x\"", 0},
		{"a test", "internal/oauth/a_test.go", "package p\nvar x = \"invalid_x\"", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := parse(test.path, test.path[:strings.LastIndexByte(test.path, '/')], []byte(test.code))
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			wireRule(words)(s, func(at ast.Node, _ string) { got = s.set.Position(at.Pos()).Line })
			if got != test.want {
				t.Errorf("found in line %d, want %d", got, test.want)
			}
		})
	}
}
