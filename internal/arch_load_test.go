package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is the repository, seen from the folder of this test.
const root = ".."

// source is one parsed Go file.
type source struct {
	path   string // in the repository, with slashes
	pkg    string // the package's path without the module's name
	isTest bool
	text   []byte
	set    *token.FileSet
	syntax *ast.File
}

// at returns file:line of a node.
func (s *source) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.set.Position(node.Pos()).Line)
}

// imported returns the name under which the file knows a package, or "".
func (s *source) imported(path string) string {
	for _, spec := range s.syntax.Imports {
		if strings.Trim(spec.Path.Value, `"`) == path {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return path[strings.LastIndexByte(path, '/')+1:]
		}
	}
	return ""
}

// uses visits each use of a function or variable of the package imported as path.
func (s *source) uses(path string, names []string, visit func(at ast.Node, name string)) {
	local := s.imported(path)
	if local == "" {
		return
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		// A resolved identifier is a variable that happens to have the package's name.
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == local && x.Obj == nil && slices.Contains(names, selector.Sel.Name) {
			visit(selector, path+"."+selector.Sel.Name)
		}
		return true
	})
}

// literals visits every string literal outside import declarations.
func (s *source) literals(visit func(at ast.Node, text string)) {
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				visit(n, n.Value)
			}
		}
		return true
	})
}

// parse makes a source of a text, for the program's files and for the proofs alike.
func parse(path, pkg string, text []byte) (*source, error) {
	set := token.NewFileSet()
	// Objects are resolved: that tells a local variable from a package of the same name.
	syntax, err := parser.ParseFile(set, path, text, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	return &source{path: path, pkg: pkg, isTest: strings.HasSuffix(path, "_test.go"), text: text, set: set, syntax: syntax}, nil
}

// loadSources parses every Go file of every package of the module, once for all tests of this package.
var loadSources = sync.OnceValues(func() ([]*source, error) {
	list := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	list.Dir = root
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	var all []*source
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir                                              string
			GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read go list's answer: %w", err)
		}
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
			full := filepath.Join(p.Dir, name)
			text, err := os.ReadFile(full)
			if err != nil {
				return nil, err
			}
			path, err := filepath.Rel(absolute, full)
			if err != nil {
				return nil, err
			}
			f, err := parse(filepath.ToSlash(path), strings.TrimPrefix(p.ImportPath, "idp/"), text)
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		}
	}
})

func sources(t *testing.T) []*source {
	t.Helper()
	all, err := loadSources()
	if err != nil {
		t.Fatalf("load the program's source: %v", err)
	}
	if len(all) == 0 {
		t.Fatal("go list found no file")
	}
	return all
}

// rule looks at one file and tells what is wrong with it.
type rule func(s *source, report func(at ast.Node, why string))

// enforce applies a rule to every file of the program.
func enforce(t *testing.T, r rule) {
	t.Helper()
	for _, s := range sources(t) {
		r(s, func(at ast.Node, why string) { t.Errorf("%s: %s", s.at(at), why) })
	}
}
