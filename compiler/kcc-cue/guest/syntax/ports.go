package syntax

import (
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// nameMaps are fields whose own fields are names that somebody chose.
var nameMaps = []string{
	"annotations", "backing", "cronJobs", "env", "files", "grants", "init", "jobs", "kinds",
	"labels", "needs", "routes", "secrets", "services", "sidecars", "volumes",
}

// foreignFields hold objects of an engine or of an application, where `ports`
// means something else.
var foreignFields = []string{"configs", "docker", "kubernetes", "objects"}

// portsPlace says what the labels of a struct are.
type portsPlace struct {
	// names: they are names, not fields that the schema knows.
	names bool
	// ports: they are names of ports.
	ports bool
}

// makePortsLong rewrites each number that stands for a port into
// `{number: N}`, with the position of the number.
func (p *Prepared) makePortsLong(x ast.Expr, place portsPlace) {
	switch x := x.(type) {
	case *ast.StructLit:
		for _, decl := range x.Elts {
			switch d := decl.(type) {
			case *ast.Field:
				p.makePortLong(d, place)
			case *ast.EmbedDecl:
				p.makePortsLong(d.Expr, place)
			case *ast.LetClause:
				p.makePortsLong(d.Expr, portsPlace{})
			case ast.Expr:
				p.makePortsLong(d, place)
			}
		}
	case *ast.Comprehension:
		p.makePortsLong(x.Value, place)
		if x.Fallback != nil {
			p.makePortsLong(x.Fallback.Body, place)
		}
	case *ast.ParenExpr:
		p.makePortsLong(x.X, place)
	case *ast.BinaryExpr:
		p.makePortsLong(x.X, place)
		p.makePortsLong(x.Y, place)
	case *ast.UnaryExpr:
		p.makePortsLong(x.X, place)
	case *ast.Alias:
		p.makePortsLong(x.Expr, place)
	}
}

func (p *Prepared) makePortLong(field *ast.Field, place portsPlace) {
	if place.ports {
		if lit, ok := field.Value.(*ast.BasicLit); ok && (lit.Kind == token.INT || lit.Kind == token.FLOAT) {
			field.Value = p.longPort(lit)
			return
		}
	}
	inner := portsPlace{}
	if name, ok := staticName(field.Label); ok && !place.names && !place.ports {
		if slices.Contains(foreignFields, name) {
			return
		}
		inner.names = slices.Contains(nameMaps, name)
		inner.ports = name == "ports"
	}
	p.makePortsLong(field.Value, inner)
}

func (p *Prepared) longPort(lit *ast.BasicLit) *ast.StructLit {
	label := &ast.Ident{NamePos: lit.ValuePos, Name: "number"}
	p.lengths[label] = len(lit.Value)
	return &ast.StructLit{Elts: []ast.Decl{&ast.Field{Label: label, Value: lit}}}
}
