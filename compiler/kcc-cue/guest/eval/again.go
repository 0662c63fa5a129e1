package eval

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// addition is a value that was added to the tree.
type addition struct {
	path []string
	node *wire.Node
	// soft values give way in the second evaluation.
	soft bool
}

// needed is what has to join the model because an expression refers to it.
func (f *filling) needed() cue.Value {
	lit := &ast.StructLit{}
	for _, added := range f.filled {
		if !f.model.lexicon.tails[added.path[len(added.path)-1]] {
			continue
		}
		value := expression(added.node)
		if added.soft {
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

// restore gives what was filled in before the second evaluation its lines.
func (f *filling) restore(tree *wire.Node, first []addition) {
	for _, added := range first {
		node := at(tree, added.path...)
		if node == nil || node.Kind == wire.Absent || !same(node, added.node) {
			continue
		}
		node.Origins = added.node.Origins
		f.filled = append(f.filled, added)
	}
}
