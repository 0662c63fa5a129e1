package syntax

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/schema"
)

// portsField is the field in which a component names its ports.
const portsField = "ports"

// expandPort writes a number as the port it stands for.
func (p *Prepared) expandPort(lit *ast.BasicLit) *ast.StructLit {
	label := &ast.Ident{NamePos: lit.ValuePos, Name: "number"}
	p.lengths[label] = len(lit.Value)
	return &ast.StructLit{Elts: []ast.Decl{&ast.Field{Label: label, Value: lit}}}
}

// findNumericPorts records the `ports` fields of helpers that are used as
// numbers, such as `_net.ports.http`. Helpers are hidden fields, definitions,
// lets and packages.
func (p *Prepared) findNumericPorts(node ast.Node) {
	inner := map[ast.Node]bool{}
	var path []string
	ast.Walk(node, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Field:
			name, _ := staticName(node.Label)
			path = append(path, name)
		case *ast.SelectorExpr, *ast.IndexExpr, *ast.Ident:
			if x := node.(ast.Expr); !inner[x] {
				p.noteNumericPorts(chainOf(x, inner), path)
			}
		}
		return true
	}, func(node ast.Node) {
		if _, ok := node.(*ast.Field); ok {
			path = path[:len(path)-1]
		}
	})
}

// chainOf returns the names of a chain of selections, from its head. An index that
// only evaluation can tell has an empty name.
func chainOf(x ast.Expr, inner map[ast.Node]bool) []string {
	switch x := x.(type) {
	case *ast.Ident:
		return []string{x.Name}
	case *ast.SelectorExpr:
		inner[x.X], inner[x.Sel] = true, true
		name, _ := staticName(x.Sel)
		if head := chainOf(x.X, inner); head != nil {
			return append(head, name)
		}
	case *ast.IndexExpr:
		inner[x.X] = true
		name, _ := plainString(x.Index)
		if head := chainOf(x.X, inner); head != nil {
			return append(head, name)
		}
	case *ast.ParenExpr:
		inner[x.X] = true
		return chainOf(x.X, inner)
	}
	return nil
}

func (p *Prepared) noteNumericPorts(chain, path []string) {
	at := slices.Index(chain, portsField)
	if at < 0 || len(chain) > at+2 && isPortField(chain[at+2]) || slices.Contains(schema.Shipped().ComponentFields(), chain[0]) {
		return
	}
	if len(path) > 0 && path[len(path)-1] == portsField && len(chain) == at+1 {
		// A component reuses another's ports.
		return
	}
	if at > 0 {
		p.numericPorts[strings.Join(chain[:at+1], ".")] = true
		// The name within the package itself.
		p.numericPorts[strings.Join(chain[1:at+1], ".")] = true
		return
	}
	// A sibling of one of the fields around it, in a helper.
	for end := len(path); end > 0 && isPrivate(path[0]); end-- {
		p.numericPorts[strings.Join(append(slices.Clone(path[:end]), portsField), ".")] = true
	}
}

// isPortField reports whether a port has a field of that name.
func isPortField(name string) bool {
	port := schema.Shipped().Root.Below("services", "*", portsField, "*")
	return port.Struct.Fields[name] != nil
}
