package syntax

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// splitRoot moves `on`, `defaults` and `policies` out of the base and removes
// fields that the root may not have.
func (p *Prepared) splitRoot(s *source) {
	s.base = p.rootDecls(s, s.base, rootContext{faults: s.faults, top: true})
}

// rootContext is the context of a list of root declarations.
type rootContext struct {
	// faults receives what is wrong; nil if it is reported elsewhere.
	faults *Faults
	// top is set directly at the root and directly in an overlay's block.
	top bool
	// overlay is the target of the block, empty in the base.
	overlay string
}

// rootDecls returns the declarations that stay where they are.
func (p *Prepared) rootDecls(s *source, decls []ast.Decl, ctx rootContext) []ast.Decl {
	var remaining []ast.Decl
	for _, decl := range decls {
		switch x := decl.(type) {
		case *ast.Field:
			if decl = p.rootField(s, x, ctx); decl == nil {
				continue
			}
		case *ast.Comprehension:
			p.rootExpr(s, x.Value, ctx)
		case *ast.EmbedDecl:
			p.rootExpr(s, x.Expr, ctx)
		case ast.Expr:
			p.rootExpr(s, x, ctx)
		}
		remaining = append(remaining, decl)
	}
	return remaining
}

// rootExpr visits the struct literals of an expression embedded at the root.
func (p *Prepared) rootExpr(s *source, x ast.Expr, ctx rootContext) {
	ctx.top = false
	eachStruct(x, func(lit *ast.StructLit) {
		lit.Elts = p.rootDecls(s, lit.Elts, ctx)
	})
}

// eachStruct visits the struct literals that an expression unifies.
func eachStruct(x ast.Expr, visit func(*ast.StructLit)) {
	switch x := x.(type) {
	case *ast.StructLit:
		visit(x)
	case *ast.ParenExpr:
		eachStruct(x.X, visit)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			eachStruct(x.X, visit)
			eachStruct(x.Y, visit)
		}
	}
}

// rootField returns the declaration that stays in place of a field, or nil.
func (p *Prepared) rootField(s *source, field *ast.Field, ctx rootContext) ast.Decl {
	name, ok := staticName(field.Label)
	if !ok || isPrivateLabel(field.Label) {
		return field
	}
	switch {
	case name == "system" && (s.Name != systemFile || ctx.overlay != ""):
		p.reportMisplaced(ctx.faults, s, field, name, wire.MisplacedSystem{})
		return nil
	case name == "on" && (!ctx.top || ctx.overlay != ""):
		p.reportMisplaced(ctx.faults, s, field, name, wire.NestedBlock{Name: name})
		return nil
	case slices.Contains(schema.Shipped().BlockFields(), name) && !ctx.top:
		// It joins the root only where CUE embeds the struct around it.
		return field
	case name == "on":
		p.splitOverlay(s, field)
		return nil
	case name == "defaults":
		s.defaults = append(s.defaults, defaultsBlock{ctx.overlay, field.Value})
		return nil
	case name == "policies":
		if p.splitPolicies(ctx.faults, s, field, ctx.overlay) {
			return nil
		}
		// Evaluation reads it from the value, like policies that are embedded.
		return &ast.EmbedDecl{Expr: &ast.StructLit{Elts: []ast.Decl{field}}}
	case name == "kinds":
		declareInput(field.Value)
	case !slices.Contains(schema.Shipped().RootFields(), name):
		unknown := wire.UnknownField{
			Name: name, Candidates: schema.Shipped().RootFields(), Indented: p.indentedBelow(s, field.Label),
		}
		ctx.faults.report(p.withLabel(wire.Fault{Detail: unknown, Path: []string{name}}, field.Label))
		p.reported[name] = true
		s.whole = false
		return nil
	}
	return field
}

func (p *Prepared) reportMisplaced(to *Faults, s *source, field *ast.Field, name string, problem wire.OverlayProblem) {
	to.report(p.withLabel(wire.Fault{Detail: wire.Overlay{Problem: problem}, Path: []string{name}}, field.Label))
	s.whole = false
}

// splitOverlay reads `on: TARGET: {…}`.
func (p *Prepared) splitOverlay(s *source, on *ast.Field) {
	shape := func(node ast.Node) {
		malformed := wire.Overlay{Problem: wire.MalformedOverlay{}}
		s.faults.report(p.withLabel(wire.Fault{Detail: malformed, Path: []string{"on"}}, node))
		s.whole = false
	}
	lit, ok := on.Value.(*ast.StructLit)
	if !ok || on.Constraint != token.ILLEGAL || plainLabel(on) == nil {
		shape(on)
		return
	}
	for _, decl := range lit.Elts {
		switch decl.(type) {
		case *ast.CommentGroup, *ast.Attribute:
			continue
		}
		field, ok := decl.(*ast.Field)
		if !ok {
			shape(decl)
			continue
		}
		name, ok := staticName(field.Label)
		_, aliased := field.Value.(*ast.Alias)
		if !ok || plainLabel(field) == nil || field.Constraint != token.ILLEGAL || aliased {
			shape(field)
			continue
		}
		if p.reportUnknownTarget(s.faults, field, name) {
			s.whole = false
			continue
		}
		block := field.Value
		ctx, whole := rootContext{faults: s.faults, top: true, overlay: name}, s.whole
		if name != p.target {
			// Its mistakes are reported when that target is evaluated.
			ctx.faults = nil
		}
		eachStruct(block, func(lit *ast.StructLit) {
			lit.Elts = p.rootDecls(s, lit.Elts, ctx)
		})
		if name != p.target {
			s.whole = whole
		}
		s.overlays = append(s.overlays, overlay{name, block})
	}
}

// reportUnknownTarget reports whether the system lacks the target of a block under
// `on`, and adds the error.
func (p *Prepared) reportUnknownTarget(to *Faults, block *ast.Field, name string) bool {
	if len(p.targets) == 0 || slices.Contains(p.targets, name) {
		return false
	}
	unknown := wire.Overlay{Problem: wire.OverlayTarget{Name: name, Candidates: p.targets}}
	to.report(p.withLabel(wire.Fault{Detail: unknown, Path: []string{"on", name}}, block.Label))
	return true
}

// staticName returns a label's name if it is known without evaluation.
func staticName(label ast.Label) (string, bool) {
	switch x := label.(type) {
	case *ast.Ident:
		return x.Name, true
	case *ast.BasicLit:
		if x.Kind != token.STRING {
			return x.Value, true
		}
		name, err := strconv.Unquote(x.Value)
		return name, err == nil
	case *ast.Alias:
		inner, ok := x.Expr.(ast.Label)
		if !ok {
			return "", false
		}
		return staticName(inner)
	}
	return "", false
}

// plainLabel returns a field's label, or nil if an alias can refer to the field.
func plainLabel(field *ast.Field) ast.Label {
	if _, ok := field.Label.(*ast.Alias); ok || field.Alias != nil {
		return nil
	}
	return field.Label
}

// isPrivateLabel reports whether a label is hidden or a definition.
func isPrivateLabel(label ast.Label) bool {
	return privateLabel(label) != nil
}

// privateLabel returns the identifier of a hidden field's or a definition's
// label.
func privateLabel(label ast.Label) *ast.Ident {
	if alias, ok := label.(*ast.Alias); ok {
		label, _ = alias.Expr.(ast.Label)
	}
	if ident, ok := label.(*ast.Ident); ok && isPrivate(ident.Name) {
		return ident
	}
	return nil
}

// isPrivate reports whether an identifier is hidden or a definition.
func isPrivate(name string) bool {
	return name != "_" && (strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#")) &&
		!strings.HasPrefix(name, "__")
}
