package syntax

import (
	"slices"

	"cuelang.org/go/cue/ast"
)

// prune removes the imports, lets and aliases that are unused in this target. CUE
// rejects them, but they were either reported already or are used in another
// target.
func (p *Prepared) prune(file *ast.File) {
	for {
		r := &resolver{p: p, source: &source{}, pruning: true, unusedNodes: map[ast.Node]bool{}}
		root := &scope{}
		for spec := range file.ImportSpecs() {
			root.bind(importName(spec), importBinding, spec)
		}
		root.bindDecls(file.Decls, atRoot)
		r.decls(slices.Clone(file.Decls), root, atRoot)
		r.reportUnused(root)
		if len(r.unusedNodes) == 0 {
			return
		}
		file.Decls = withoutUnused(file.Decls, r.unusedNodes)
		ast.Walk(file, func(node ast.Node) bool {
			if lit, ok := node.(*ast.StructLit); ok {
				lit.Elts = withoutUnused(lit.Elts, r.unusedNodes)
			}
			return true
		}, nil)
	}
}

// withoutUnused removes the declarations that bind only an unused name, and the
// unused aliases of the others.
func withoutUnused(decls []ast.Decl, unusedNodes map[ast.Node]bool) []ast.Decl {
	return slices.DeleteFunc(decls, func(decl ast.Decl) bool {
		switch d := decl.(type) {
		case *ast.ImportDecl:
			d.Specs = slices.DeleteFunc(d.Specs, func(spec *ast.ImportSpec) bool { return unusedNodes[spec] })
			return len(d.Specs) == 0
		case *ast.LetClause:
			return unusedNodes[d.Ident]
		case *ast.Field:
			if alias, ok := d.Label.(*ast.Alias); ok && unusedNodes[alias.Ident] {
				if label, ok := alias.Expr.(ast.Label); ok {
					d.Label = label
				}
			}
			if alias, ok := d.Value.(*ast.Alias); ok && unusedNodes[alias.Ident] {
				d.Value = alias.Expr
			}
			if d.Alias != nil && unusedNodes[d.Alias.Field] {
				d.Alias = nil
			}
		}
		return false
	})
}
