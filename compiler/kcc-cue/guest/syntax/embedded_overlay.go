package syntax

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// extractEmbeddedOverlays adds an overlay for each `on` that a reference embedded
// at the root brings in: `_p` with `_p: on: prod: …` becomes `on: prod:
// _p.on.prod`. It runs after names are resolved, so that references can be
// followed, and before overlays replace what the base writes.
func (p *Prepared) extractEmbeddedOverlays(r *classifier, sources []*source) {
	for _, s := range sources {
		for _, decl := range s.base {
			if embedded, ok := decl.(*ast.EmbedDecl); ok {
				p.extractOverlays(r, s, embedded.Expr)
			}
		}
	}
}

// extractOverlays visits the references that an embedded expression unifies.
func (p *Prepared) extractOverlays(r *classifier, s *source, x ast.Expr) {
	switch x := x.(type) {
	case *ast.ParenExpr:
		p.extractOverlays(r, s, x.X)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			p.extractOverlays(r, s, x.X)
			p.extractOverlays(r, s, x.Y)
		}
	case *ast.StructLit:
		for _, decl := range x.Elts {
			if embedded, ok := decl.(*ast.EmbedDecl); ok {
				p.extractOverlays(r, s, embedded.Expr)
			}
		}
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		p.extractReferredOverlays(r, s, x)
	}
}

func (p *Prepared) extractReferredOverlays(r *classifier, s *source, x ast.Expr) {
	var blocks []ast.Expr
	r.fields(x, func(name string) bool { return name == "on" }, &blocks)
	seen := map[string]bool{}
	for _, block := range blocks {
		eachStruct(block, func(lit *ast.StructLit) {
			for _, decl := range lit.Elts {
				field, ok := decl.(*ast.Field)
				if !ok || field.Constraint != token.ILLEGAL {
					continue
				}
				name, ok := staticName(field.Label)
				if !ok {
					continue
				}
				if p.reportUnknownTarget(s.faults, field, name) {
					continue
				}
				p.extracted[field] = true
				if !seen[name] {
					seen[name] = true
					s.overlays = append(s.overlays, overlay{name, selected(x, "on", name)})
				}
			}
		})
	}
}

// selected returns the selection of nested fields of an expression.
func selected(x ast.Expr, names ...string) ast.Expr {
	for _, name := range names {
		x = &ast.SelectorExpr{X: x, Sel: ast.NewString(name)}
	}
	return x
}

// Extracted reports whether a field is a target's block below an embedded `on`,
// which became an overlay.
func (p *Prepared) Extracted(field *ast.Field) bool {
	return p.extracted[field]
}
