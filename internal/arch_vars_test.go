package internal_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// mayHoldVariable lists package-level variables that are none of: sentinel error, embedded file, compiled expression,
// table that nobody changes.
var mayHoldVariable = []struct{ file, name, because string }{
	{"internal/idp/id.go", "idEncoding", "an encoding made of a constant; it has no state"},
	{"internal/secret/token.go", "idEncoding", "an encoding made of a constant; it has no state"},
}

// TestVars_NothingGlobalChanges: a variable of a package is an input that nobody passes and a state that two tests share.
func TestVars_NothingGlobalChanges(t *testing.T) {
	t.Parallel()
	packages := map[string][]*source{}
	for _, s := range sources(t) {
		if !s.isTest && !isSupport(s.pkg) {
			packages[s.pkg] = append(packages[s.pkg], s)
		}
	}
	for _, files := range packages {
		checkVariables(files, func(s *source, at ast.Node, why string) { t.Errorf("%s: %s", s.at(at), why) })
	}
}

// checkVariables looks at the package-level variables of one package.
func checkVariables(files []*source, report func(s *source, at ast.Node, why string)) {
	for _, s := range files {
		for _, decl := range s.syntax.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, one := range group.Specs {
				spec := one.(*ast.ValueSpec)
				for i, name := range spec.Names {
					var value ast.Expr
					if i < len(spec.Values) {
						value = spec.Values[i]
					}
					if why := checkVariable(s, files, group, spec, name, value); why != "" {
						report(s, name, fmt.Sprintf("package-level variable %s: %s", name.Name, why))
					}
				}
			}
		}
	}
}

func checkVariable(s *source, files []*source, group *ast.GenDecl, spec *ast.ValueSpec, name *ast.Ident, value ast.Expr) string {
	if name.Name == "_" || isEmbedded(group.Doc) || isEmbedded(spec.Doc) {
		return ""
	}
	for _, allowed := range mayHoldVariable {
		if allowed.file == s.path && allowed.name == name.Name {
			return ""
		}
	}
	switch kindOf(s, name.Name, value) {
	case "sentinel", "expression":
		if at := changedAt(files, name.Name, spec); at != "" {
			return "is changed at " + at
		}
		return ""
	case "table":
		if at := changedAt(files, name.Name, spec); at != "" {
			return "is a table, but is changed, or its address given away, at " + at
		}
		return ""
	}
	return "neither a sentinel error, an embedded file, a compiled expression nor a table: pass it to who needs it, or add it to mayHoldVariable with a reason"
}

func isEmbedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// kindOf classifies the first value of a variable.
func kindOf(s *source, name string, value ast.Expr) string {
	switch v := value.(type) {
	case *ast.CompositeLit:
		return "table"
	case *ast.UnaryExpr:
		// &idp.Error{…} as a sentinel.
		if _, ok := v.X.(*ast.CompositeLit); ok && v.Op == token.AND && strings.HasPrefix(strings.ToLower(name), "err") {
			return "sentinel"
		}
	case *ast.CallExpr:
		selector, ok := v.Fun.(*ast.SelectorExpr)
		if !ok {
			return ""
		}
		x, ok := selector.X.(*ast.Ident)
		if !ok {
			return ""
		}
		call := x.Name + "." + selector.Sel.Name
		switch {
		case strings.HasPrefix(strings.ToLower(name), "err") && (call == s.imported("errors")+".New" || call == s.imported("fmt")+".Errorf"):
			return "sentinel"
		case call == s.imported("regexp")+".MustCompile":
			return "expression"
		}
	}
	return ""
}

// changedAt returns the first place where a package-level variable is written to or its address is taken, or "".
func changedAt(files []*source, name string, spec *ast.ValueSpec) string {
	for _, s := range files {
		found := ""
		is := func(e ast.Expr) bool {
			for {
				switch x := e.(type) {
				case *ast.IndexExpr:
					e = x.X
				case *ast.SelectorExpr:
					e = x.X
				case *ast.SliceExpr:
					e = x.X
				case *ast.ParenExpr:
					e = x.X
				case *ast.StarExpr:
					e = x.X
				case *ast.Ident:
					// Resolved to something else means: a local variable of the same name.
					return x.Name == name && (x.Obj == nil || x.Obj.Decl == spec)
				default:
					return false
				}
			}
		}
		mark := func(at ast.Node) {
			if found == "" {
				found = s.at(at)
			}
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					if n.Tok != token.DEFINE && is(left) {
						mark(n)
					}
				}
			case *ast.IncDecStmt:
				if is(n.X) {
					mark(n)
				}
			case *ast.UnaryExpr:
				if n.Op == token.AND && is(n.X) {
					mark(n)
				}
			case *ast.RangeStmt:
				if n.Tok == token.ASSIGN && (n.Key != nil && is(n.Key) || n.Value != nil && is(n.Value)) {
					mark(n)
				}
			case *ast.CallExpr:
				if len(n.Args) > 0 && is(n.Args[0]) && changesArgument(n.Fun) {
					mark(n)
				}
			}
			return true
		})
		if found != "" {
			return found
		}
	}
	return ""
}

// changesArgument reports whether a call of f writes into its first argument.
func changesArgument(f ast.Expr) bool {
	switch f := f.(type) {
	case *ast.Ident:
		return slices.Contains([]string{"delete", "clear", "copy"}, f.Name)
	case *ast.SelectorExpr:
		x, ok := f.X.(*ast.Ident)
		if !ok {
			return false
		}
		switch x.Name {
		case "sort":
			return true
		case "slices":
			return strings.HasPrefix(f.Sel.Name, "Sort") && !strings.HasPrefix(f.Sel.Name, "Sorted") || f.Sel.Name == "Reverse" || f.Sel.Name == "Delete"
		case "maps":
			return f.Sel.Name == "Copy" || f.Sel.Name == "DeleteFunc"
		}
	}
	return false
}
