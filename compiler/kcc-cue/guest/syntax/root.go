package syntax

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// rootFields are the fields that a system may have at its root, besides
// definitions and hidden fields.
var rootFields = []string{
	"backing", "configs", "cronJobs", "defaults", "grants", "jobs", "kinds", "objects", "on", "policies", "secrets", "services", "system",
	"target",
}

// takenOut are the root fields that nothing may refer to.
var takenOut = []string{"defaults", "on", "policies"}

// splitRoot takes `on`, `defaults` and `policies` out of the base, and what
// may not stand at the root at all.
func (p *Prepared) splitRoot(s *source, targets []string) {
	s.base = p.rootDecls(s, s.base, rootPlace{top: true, targets: targets})
}

// rootPlace says where a list of root declarations stands.
type rootPlace struct {
	// top: directly at the root, or directly in the overlay's block.
	top bool
	// overlay is the target whose block it is; empty in the base.
	overlay string
	targets []string
}

// rootDecls keeps the declarations that stay where they are.
func (p *Prepared) rootDecls(s *source, decls []ast.Decl, place rootPlace) []ast.Decl {
	var kept []ast.Decl
	for _, decl := range decls {
		switch x := decl.(type) {
		case *ast.Field:
			if !p.rootField(s, x, place) {
				continue
			}
		case *ast.Comprehension:
			p.rootExpr(s, x.Value, place)
		case *ast.EmbedDecl:
			p.rootExpr(s, x.Expr, place)
		case ast.Expr:
			p.rootExpr(s, x, place)
		}
		kept = append(kept, decl)
	}
	return kept
}

// rootExpr visits the struct literals of an expression that is embedded at
// the root.
func (p *Prepared) rootExpr(s *source, x ast.Expr, place rootPlace) {
	place.top = false
	eachStruct(x, func(lit *ast.StructLit) {
		lit.Elts = p.rootDecls(s, lit.Elts, place)
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

// rootField says whether a field stays where it is.
func (p *Prepared) rootField(s *source, field *ast.Field, place rootPlace) bool {
	name, ok := staticName(field.Label)
	if !ok || isPrivateLabel(field.Label) {
		return true
	}
	switch {
	case name == "system" && (s.Name != systemFile || place.overlay != ""):
		p.misplaced(s, field, name, "placement")
		return false
	case name == "on" && (!place.top || place.overlay != ""):
		p.misplaced(s, field, name, "nested")
		return false
	case slices.Contains(takenOut, name) && !place.top:
		// It joins the root only where CUE embeds what stands around it.
		return true
	case name == "on":
		p.splitOverlay(s, field, place.targets)
		return false
	case name == "defaults":
		s.soft = append(s.soft, softBlock{place.overlay, field.Value})
		return false
	case name == "policies":
		p.splitPolicies(s, field, place.overlay)
		return false
	case name == "kinds":
		giveInput(field.Value)
	case !slices.Contains(rootFields, name):
		p.Errors = append(p.Errors, p.mark(wire.Error{Code: wire.UnknownField, Path: []string{name}}, field.Label).
			With("name", name).With("candidates", strings.Join(rootFields, " ")))
		p.reported[name] = true
		s.whole = false
		return false
	}
	return true
}

func (p *Prepared) misplaced(s *source, field *ast.Field, name, reason string) {
	p.Errors = append(p.Errors, p.mark(wire.Error{Code: wire.Overlay, Path: []string{name}}, field.Label).
		With("reason", reason).With("name", name))
	s.whole = false
}

// splitOverlay reads `on: TARGET: {…}`.
func (p *Prepared) splitOverlay(s *source, on *ast.Field, targets []string) {
	shape := func(node ast.Node) {
		p.Errors = append(p.Errors, p.mark(wire.Error{Code: wire.Overlay, Path: []string{"on"}}, node).
			With("reason", "shape"))
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
		if len(targets) > 0 && !slices.Contains(targets, name) {
			p.Errors = append(p.Errors, p.mark(wire.Error{Code: wire.Overlay, Path: []string{"on", name}}, field.Label).
				With("reason", "unknown-target").With("name", name).With("candidates", strings.Join(targets, " ")))
			s.whole = false
			continue
		}
		block := field.Value
		place := rootPlace{top: true, overlay: name}
		if name != p.target {
			// Its mistakes are reported when its own target is looked at.
			quiet, whole := &Prepared{target: name, lengths: p.lengths, places: p.places, reported: p.reported}, s.whole
			eachStruct(block, func(lit *ast.StructLit) {
				lit.Elts = quiet.rootDecls(s, lit.Elts, place)
			})
			s.whole = whole
		} else {
			eachStruct(block, func(lit *ast.StructLit) {
				lit.Elts = p.rootDecls(s, lit.Elts, place)
			})
		}
		s.overlays = append(s.overlays, overlay{name, block})
	}
}

// staticName is a label's name if it is known without evaluation.
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

// plainLabel is a field's label if nothing can refer to the field but by its
// name.
func plainLabel(field *ast.Field) ast.Label {
	if _, ok := field.Label.(*ast.Alias); ok || field.Alias != nil {
		return nil
	}
	return field.Label
}

// isPrivateLabel says whether a label is hidden or a definition.
func isPrivateLabel(label ast.Label) bool {
	return privateLabel(label) != nil
}

// privateLabel is the identifier of a hidden field's or a definition's label.
func privateLabel(label ast.Label) *ast.Ident {
	if alias, ok := label.(*ast.Alias); ok {
		label, _ = alias.Expr.(ast.Label)
	}
	if ident, ok := label.(*ast.Ident); ok && isPrivate(ident.Name) {
		return ident
	}
	return nil
}

// isPrivate says whether an identifier is hidden or a definition.
func isPrivate(name string) bool {
	return name != "_" && (strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#")) &&
		!strings.HasPrefix(name, "__")
}
