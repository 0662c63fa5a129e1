package syntax

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// maxBroken bounds how many broken declarations are reported per file.
const maxBroken = 50

// parse parses one fragment. CUE's parser gives up from a broken expression to
// the end of the file, so a root declaration that cannot be parsed is reported
// once, overwritten with spaces, and the file parsed again. Offsets stay those of
// the fragment.
func (p *Prepared) parse(to *Faults, index int, file wire.File) (tree *ast.File, whole bool) {
	text := []byte(file.Text)
	p.unparsed = append(p.unparsed, file.Omitted...)
	whole = len(file.Omitted) == 0
	for range maxBroken {
		tree, err := parser.ParseFile(file.Name, text, parser.AllErrors)
		first := firstError(err)
		if first == nil {
			if at := tree.Pos().File(); at != nil {
				p.fileIndexes[at] = index
			}
			if !p.refuseDeep(to, tree, text) {
				whole = false
			}
			return tree, whole
		}
		whole = false
		broken := findBroken(text, first)
		to.report(wire.Fault{Detail: wire.Syntax{Message: broken.message}}.
			At(wire.Span{File: index, Start: broken.at, End: broken.atEnd}, wire.RoleValue))
		p.unparsed = append(p.unparsed, string(text[broken.start:broken.end]))
		if !blank(text[broken.start:broken.end]) {
			break
		}
	}
	return nil, false
}

type syntaxError struct {
	offset  int
	message string
}

// firstError returns the error closest to the start of the file: later ones may
// only follow from it.
func firstError(err error) *syntaxError {
	var first *syntaxError
	for _, e := range errors.Errors(err) {
		offset := 0
		if pos := e.Position(); pos.IsValid() {
			offset = pos.Offset()
		}
		if first == nil || offset < first.offset {
			message := strings.SplitN(errors.String(e), "\n", 2)[0]
			if strings.Contains(message, "maximum nesting depth") {
				message = nestedTooDeep
			}
			first = &syntaxError{offset, message}
		}
	}
	return first
}

// blank overwrites text with spaces, keeping its lines. It returns false if there
// was nothing left to overwrite.
func blank(text []byte) bool {
	if len(bytes.TrimSpace(text)) == 0 {
		return false
	}
	for i, c := range text {
		if c != '\n' && c != '\r' {
			text[i] = ' '
		}
	}
	return true
}

// drop returns the `_` that replaces an expression that was reported.
func (p *Prepared) drop(x ast.Expr) *ast.Ident {
	ident := &ast.Ident{NamePos: x.Pos(), Name: "_"}
	if end := p.end(x); end.IsValid() && x.Pos().IsValid() {
		p.lengths[ident] = end.Offset() - x.Pos().Offset()
	}
	p.dropped[ident] = true
	return ident
}

// rename changes an identifier and records its length in the fragment.
func (p *Prepared) rename(x *ast.Ident, name string) {
	if _, ok := p.lengths[x]; !ok {
		p.lengths[x] = len(x.Name)
	}
	x.Name = name
}

// quoted returns the label as a string, which no reference resolves to.
func (p *Prepared) quoted(label *ast.Ident) *ast.BasicLit {
	lit := &ast.BasicLit{ValuePos: label.NamePos, Kind: token.STRING, Value: `"` + label.Name + `"`}
	p.lengths[lit] = len(label.Name)
	return lit
}

// maxDepth bounds how deeply a fragment may nest. Every pass recurses over the
// tree, and the sandbox has a small stack.
const maxDepth = 5000

var nestedTooDeep = "nested more than " + strconv.Itoa(maxDepth) + " levels deep"

// refuseDeep reports and removes the declarations that nest too deeply. It
// returns false if there were any.
func (p *Prepared) refuseDeep(to *Faults, tree *ast.File, text []byte) bool {
	before := len(tree.Decls)
	tree.Decls = slices.DeleteFunc(tree.Decls, func(decl ast.Decl) bool {
		node := tooDeep(decl)
		if node == nil {
			return false
		}
		e := wire.Fault{Detail: wire.Syntax{Message: nestedTooDeep}}
		if at, ok := p.Position(node.Pos()); ok {
			at.End++
			e = e.At(at, wire.RoleValue)
		}
		to.report(e)
		if span, ok := p.Span(decl); ok {
			p.unparsed = append(p.unparsed, string(text[span.Start:span.End]))
		}
		return true
	})
	return len(tree.Decls) == before
}

// tooDeep returns the first node below the deepest allowed level.
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
