package syntax

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// takeEmbeddedOverlays makes an overlay of each `on` that a reference embedded
// at the root brings in: `_p` with `_p: on: prod: …` is `on: prod: _p.on.prod`.
// It runs once names are resolved, because only then do references lead
// anywhere, and before overlays replace what the base writes.
func (p *Prepared) takeEmbeddedOverlays(sources []*source) {
	r := newReader(p, sources)
	for _, s := range sources {
		for _, decl := range s.base {
			if embedded, ok := decl.(*ast.EmbedDecl); ok {
				p.takeOverlaysOf(r, s, embedded.Expr)
			}
		}
	}
}

// takeOverlaysOf visits the references that an embedded expression unifies.
func (p *Prepared) takeOverlaysOf(r *reader, s *source, x ast.Expr) {
	switch x := x.(type) {
	case *ast.ParenExpr:
		p.takeOverlaysOf(r, s, x.X)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			p.takeOverlaysOf(r, s, x.X)
			p.takeOverlaysOf(r, s, x.Y)
		}
	case *ast.StructLit:
		for _, decl := range x.Elts {
			if embedded, ok := decl.(*ast.EmbedDecl); ok {
				p.takeOverlaysOf(r, s, embedded.Expr)
			}
		}
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		p.takeReferredOverlays(r, s, x)
	}
}

func (p *Prepared) takeReferredOverlays(r *reader, s *source, x ast.Expr) {
	var blocks []ast.Expr
	r.fields(x, func(name string) bool { return name == "on" }, &blocks)
	taken := map[string]bool{}
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
				if len(p.targets) > 0 && !slices.Contains(p.targets, name) {
					p.Errors = append(p.Errors, p.mark(wire.Error{Code: wire.Overlay, Path: []string{"on", name}}, field.Label).
						With("reason", "unknown-target").With("name", name).With("candidates", strings.Join(p.targets, " ")))
					continue
				}
				p.takenOver[field] = true
				if !taken[name] {
					taken[name] = true
					s.overlays = append(s.overlays, overlay{name, selected(x, "on", name)})
				}
			}
		})
	}
}

// selected is the selection of fields, one below the other, of an expression.
func selected(x ast.Expr, names ...string) ast.Expr {
	for _, name := range names {
		x = &ast.SelectorExpr{X: x, Sel: ast.NewString(name)}
	}
	return x
}

// TakenOver says whether a field is a target's block below an embedded `on`, and
// became an overlay.
func (p *Prepared) TakenOver(field *ast.Field) bool {
	return p.takenOver[field]
}
