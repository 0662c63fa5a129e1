package syntax

import (
	"cuelang.org/go/cue/ast"
)

// keepSystem removes everything from a fragment except the field `system` and the
// declarations in the same file that it refers to, directly or indirectly.
func keepSystem(s *source) {
	kept := map[ast.Decl]bool{}
	names := map[string]bool{}
	keep := func(decl ast.Decl) {
		kept[decl] = true
		ast.Walk(decl, func(node ast.Node) bool {
			if ident, ok := node.(*ast.Ident); ok {
				names[ident.Name] = true
			}
			return true
		}, nil)
	}
	for more := true; more; {
		more = false
		for _, decl := range s.base {
			if name, ok := declaredName(decl); ok && !kept[decl] && (name == "system" || names[name]) {
				keep(decl)
				more = true
			}
		}
	}
	var base []ast.Decl
	for _, decl := range s.base {
		if kept[decl] {
			base = append(base, decl)
		}
	}
	s.base = base
}

// declaredName returns the name that other declarations refer to.
func declaredName(decl ast.Decl) (string, bool) {
	switch d := decl.(type) {
	case *ast.LetClause:
		return d.Ident.Name, true
	case *ast.Field:
		if alias, ok := d.Label.(*ast.Alias); ok {
			if name, ok := staticName(d.Label); ok && name == "system" {
				return name, true
			}
			return alias.Ident.Name, true
		}
		return staticName(d.Label)
	}
	return "", false
}
