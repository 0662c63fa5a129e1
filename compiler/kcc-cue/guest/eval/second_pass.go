package eval

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// addition is a value that was added to the tree.
type addition struct {
	path []string
	node *wire.Node
	// isDefault is set for defaults, which can be overridden in the second pass.
	isDefault bool
}

// secondPassInput returns the additions that some expression may refer to, as a
// value to unify with the root.
func (f *filler) secondPassInput() cue.Value {
	lit := &ast.StructLit{}
	for _, added := range f.filled {
		if !f.index.lastNames[added.path[len(added.path)-1]] || !f.allows(added.path) {
			continue
		}
		value := expression(added.node)
		if added.isDefault {
			value = &ast.BinaryExpr{
				X:  &ast.UnaryExpr{Op: token.MUL, X: value},
				Op: token.OR,
				Y:  ast.NewIdent("_"),
			}
		}
		for i := len(added.path) - 1; i > 0; i-- {
			value = ast.NewStruct(namedField(added.path[i], value))
		}
		lit.Elts = append(lit.Elts, namedField(added.path[0], value))
	}
	if len(lit.Elts) == 0 {
		return cue.Value{}
	}
	return context.BuildExpr(lit)
}

// allows reports whether the root takes a value at a path. A struct that a fragment
// closes takes no default, but has it in the tree nevertheless.
func (m *evaluation) allows(path []string) bool {
	v := m.root
	for _, name := range path {
		selector := cue.Str(name)
		if !v.Allows(selector) {
			return false
		}
		if v = v.LookupPath(cue.MakePath(selector)); !v.Exists() {
			break
		}
	}
	return true
}

// restore gives the values of the first pass their origins in the second.
func (f *filler) restore(tree *wire.Node, first []addition) {
	for _, added := range first {
		node := at(tree, added.path...)
		if node == nil || node.Kind == wire.Absent || !same(node, added.node) {
			continue
		}
		node.Origins = added.node.Origins
		f.filled = append(f.filled, added)
	}
}
