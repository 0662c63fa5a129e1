package eval

import (
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// expression is a scalar or a list as CUE writes it; `_` for what has no value.
func expression(node *wire.Node) ast.Expr {
	switch node.Kind {
	case wire.Null:
		return ast.NewNull()
	case wire.Bool:
		return ast.NewBool(node.Bool)
	case wire.Number:
		return number(node.Text)
	case wire.String:
		return ast.NewString(node.Text)
	case wire.List:
		list := &ast.ListLit{}
		for _, item := range node.Items {
			list.Elts = append(list.Elts, expression(item))
		}
		return list
	case wire.Struct:
		lit := &ast.StructLit{}
		for _, field := range node.Fields {
			lit.Elts = append(lit.Elts, namedField(field.Name, expression(field.Node)))
		}
		return lit
	default:
		return ast.NewIdent("_")
	}
}

func number(text string) ast.Expr {
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		return &ast.UnaryExpr{Op: token.SUB, X: number(rest)}
	}
	kind := token.INT
	if strings.ContainsAny(text, ".eE") {
		kind = token.FLOAT
	}
	return ast.NewLit(kind, text)
}

func namedField(name string, value ast.Expr) *ast.Field {
	return &ast.Field{Label: ast.NewString(name), Value: value}
}

// same says whether two nodes have the same value.
func same(a, b *wire.Node) bool {
	if a.Kind != b.Kind || a.Bool != b.Bool || a.Text != b.Text ||
		len(a.Items) != len(b.Items) || len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Items {
		if !same(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || !same(a.Fields[i].Node, b.Fields[i].Node) {
			return false
		}
	}
	return true
}

// at is the node at the end of a chain of names, or nil.
func at(node *wire.Node, names ...string) *wire.Node {
	for _, name := range names {
		if node = get(node, name); node == nil {
			return nil
		}
	}
	return node
}
