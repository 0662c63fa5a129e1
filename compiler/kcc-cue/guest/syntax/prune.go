package syntax

import (
	"slices"

	"cuelang.org/go/cue/ast"
)

// prune takes out the imports, lets and aliases that nothing uses in this
// target: CUE refuses them, and who wrote them has heard of it already, or
// uses them in another target.
func (p *Prepared) prune(file *ast.File) {
	for {
		r := &resolver{p: p, source: &source{}, settled: true, idle: map[ast.Node]bool{}}
		root := &scope{}
		for spec := range file.ImportSpecs() {
			root.bind(importName(spec), anImport, spec)
		}
		root.bindDecls(file.Decls, atRoot)
		r.decls(slices.Clone(file.Decls), root, atRoot)
		r.unused(root)
		if len(r.idle) == 0 {
			return
		}
		file.Decls = withoutIdle(file.Decls, r.idle)
		ast.Walk(file, func(node ast.Node) bool {
			if lit, ok := node.(*ast.StructLit); ok {
				lit.Elts = withoutIdle(lit.Elts, r.idle)
			}
			return true
		}, nil)
	}
}

// withoutIdle drops the declarations that bind nothing but an idle name, and
// the idle aliases of the others.
func withoutIdle(decls []ast.Decl, idle map[ast.Node]bool) []ast.Decl {
	return slices.DeleteFunc(decls, func(decl ast.Decl) bool {
		switch d := decl.(type) {
		case *ast.ImportDecl:
			d.Specs = slices.DeleteFunc(d.Specs, func(spec *ast.ImportSpec) bool { return idle[spec] })
			return len(d.Specs) == 0
		case *ast.LetClause:
			return idle[d.Ident]
		case *ast.Field:
			if alias, ok := d.Label.(*ast.Alias); ok && idle[alias.Ident] {
				if label, ok := alias.Expr.(ast.Label); ok {
					d.Label = label
				}
			}
			if alias, ok := d.Value.(*ast.Alias); ok && idle[alias.Ident] {
				d.Value = alias.Expr
			}
			if d.Alias != nil && idle[d.Alias.Field] {
				d.Alias = nil
			}
		}
		return false
	})
}
