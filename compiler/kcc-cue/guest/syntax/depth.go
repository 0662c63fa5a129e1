package syntax

import (
	"slices"
	"strconv"

	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/wire"
)

// maxDepth bounds how deeply a fragment nests. All work on a tree goes down
// level by level, and the stack of the sandbox is small.
const maxDepth = 5000

var nestedTooDeep = "nested more than " + strconv.Itoa(maxDepth) + " levels deep"

// refuseDeep reports the declarations that nest too deeply and takes them out;
// false if there were any.
func (p *Prepared) refuseDeep(tree *ast.File, text []byte) bool {
	before := len(tree.Decls)
	tree.Decls = slices.DeleteFunc(tree.Decls, func(decl ast.Decl) bool {
		node := tooDeep(decl)
		if node == nil {
			return false
		}
		e := wire.Error{Code: wire.Syntax}
		if at, ok := p.Position(node.Pos()); ok {
			at.End++
			e = e.At(at, wire.RoleValue)
		}
		p.Errors = append(p.Errors, e.With("message", nestedTooDeep))
		if span, ok := p.Span(decl); ok {
			p.unread = append(p.unread, string(text[span.Start:span.End]))
		}
		return true
	})
	return len(tree.Decls) == before
}

// tooDeep is the first node below the deepest allowed level.
func tooDeep(decl ast.Decl) (found ast.Node) {
	depth := 0
	ast.Walk(decl, func(node ast.Node) bool {
		if found != nil {
			return false
		}
		if depth++; depth > maxDepth {
			found = node
			depth--
			return false
		}
		return true
	}, func(ast.Node) { depth-- })
	return found
}
