package eval

import (
	"encoding/base64"
	"sort"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// expression returns a node as a CUE expression, `_` if it has no value.
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

// same reports whether two nodes have the same value.
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

// at returns the node at a path below another, or nil.
func at(node *wire.Node, names ...string) *wire.Node {
	for _, name := range names {
		if node = get(node, name); node == nil {
			return nil
		}
	}
	return node
}

// put writes a concrete scalar into a node.
func put(node *wire.Node, v cue.Value) {
	switch v.Kind() {
	case cue.NullKind:
		node.Kind = wire.Null
	case cue.BoolKind:
		node.Kind = wire.Bool
		node.Bool, _ = v.Bool()
	case cue.IntKind, cue.FloatKind, cue.NumberKind:
		node.Kind = wire.Number
		text, err := v.MarshalJSON()
		if err == nil {
			node.Text = string(text)
		}
	case cue.StringKind:
		node.Kind = wire.String
		node.Text, _ = v.String()
	case cue.BytesKind:
		node.Kind = wire.String
		// Encoded as CUE exports them.
		bytes, _ := v.Bytes()
		node.Text = base64.StdEncoding.EncodeToString(bytes)
	}
}

// get returns a field's node, or nil.
func get(node *wire.Node, name string) *wire.Node {
	if node == nil || node.Kind != wire.Struct {
		return nil
	}
	at := sort.Search(len(node.Fields), func(i int) bool { return node.Fields[i].Name >= name })
	if at < len(node.Fields) && node.Fields[at].Name == name {
		return node.Fields[at].Node
	}
	return nil
}

// set sets a field of a struct, keeping the order.
func set(node *wire.Node, name string, value *wire.Node) {
	at := sort.Search(len(node.Fields), func(i int) bool { return node.Fields[i].Name >= name })
	if at < len(node.Fields) && node.Fields[at].Name == name {
		node.Fields[at].Node = value
		return
	}
	node.Fields = append(node.Fields, wire.Field{})
	copy(node.Fields[at+1:], node.Fields[at:])
	node.Fields[at] = wire.Field{Name: name, Node: value}
}
