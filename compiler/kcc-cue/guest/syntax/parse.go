package syntax

import (
	"bytes"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// maxBroken bounds how many broken declarations of one file are reported.
const maxBroken = 50

// parse reads one fragment. A declaration of the root that cannot be parsed is
// reported once, blanked out and the rest parsed again, because the parser
// itself gives up everything from a broken expression to the end of the file.
// Offsets stay as they are in the fragment.
func (p *Prepared) parse(index int, file wire.File) (tree *ast.File, whole bool) {
	text := []byte(file.Text)
	whole = true
	for range maxBroken {
		tree, err := parser.ParseFile(file.Name, text, parser.AllErrors)
		first := firstError(err)
		if first == nil {
			if at := tree.Pos().File(); at != nil {
				p.places[at] = index
			}
			if !p.refuseDeep(tree, text) {
				whole = false
			}
			return tree, whole
		}
		whole = false
		broken := findBroken(text, first)
		p.Errors = append(p.Errors, wire.Error{Code: wire.Syntax}.
			At(wire.Span{File: index, Start: broken.at, End: broken.atEnd}, wire.RoleValue).
			With("message", broken.message))
		p.unread = append(p.unread, string(text[broken.start:broken.end]))
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

// firstError is the error nearest to the start of the file: what the parser
// says after it may follow from it.
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

// blank overwrites text with spaces and keeps its lines; false if nothing was
// left to overwrite.
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

// drop makes the `_` that stands for an expression which was reported.
func (p *Prepared) drop(x ast.Expr) *ast.Ident {
	ident := &ast.Ident{NamePos: x.Pos(), Name: "_"}
	if end := p.end(x); end.IsValid() && x.Pos().IsValid() {
		p.lengths[ident] = end.Offset() - x.Pos().Offset()
	}
	p.dropped[ident] = true
	return ident
}

// rename sets an identifier's name and remembers how long it is in the fragment.
func (p *Prepared) rename(x *ast.Ident, name string) {
	if _, ok := p.lengths[x]; !ok {
		p.lengths[x] = len(x.Name)
	}
	x.Name = name
}

// quoted is a label that nothing can refer to.
func (p *Prepared) quoted(label *ast.Ident) *ast.BasicLit {
	lit := &ast.BasicLit{ValuePos: label.NamePos, Kind: token.STRING, Value: `"` + label.Name + `"`}
	p.lengths[lit] = len(label.Name)
	return lit
}
