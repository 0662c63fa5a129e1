// Package syntax does all that happens to the fragments before CUE builds
// them: it parses them, reports what can be seen without evaluating anything,
// and rewrites them into files that CUE builds as one package.
//
// Every node that stays keeps its position in the fragment, so that whatever
// evaluation says can be shown on the line that somebody wrote. Nothing here
// knows the fields of a service; that is the schema's matter.
package syntax

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// Prepared is what one target's fragments became.
type Prepared struct {
	// Files are those that could be parsed, wholly or in part, in the order
	// of the request. They build as one package: every name resolves.
	Files []*File
	// Errors is what is wrong so far.
	Errors []wire.Error
	// Partial lists the files of the request that could be read only in part.
	Partial []int
	// Defaults are the `defaults` blocks of the base and of the target's
	// overlay, taken out of the files.
	Defaults []Soft
	// Policies are those that hold in the target, taken out of the files.
	Policies []Policy

	places  map[*token.File]int
	private map[string]string
}

// File is a fragment as CUE builds it.
type File struct {
	// Index is the file's place in the request.
	Index int
	// Team is empty for the system's own files.
	Team string
	// AST holds no `on`, `defaults`, `policies` or `system` any more. Its
	// Filename is the request's name of the file.
	AST *ast.File
}

// Soft is one `defaults` block.
type Soft struct {
	Team string
	File int
	// Values has the shape of the root. Names in it that mean the root's
	// fields resolve when the literal is built in a file of the package; see
	// [Prepared.Join].
	Values *ast.StructLit
}

// Policy is one `policies: NAME: {…}`.
type Policy struct {
	Name string
	// Label is where the name stands.
	Label wire.Span
	// Message is the text, where it is a plain string.
	Message string
	// MessageAt is where the message stands; empty where there is none.
	MessageAt wire.Span
	Team      string
	File      int
	// Require has the shape of the root and may be nil.
	Require *ast.StructLit
}

// Prepare parses and rewrites the fragments of one target.
func Prepare(req *wire.Request) *Prepared {
	return prepare(req)
}

// PrepareSystem parses kcc.cue and keeps nothing of it but the field `system`
// and what that refers to.
func PrepareSystem(req *wire.Request) *Prepared {
	return prepare(req)
}

// Span is the place of a node in the request's files; false for a node that
// stands in none of them.
func (p *Prepared) Span(node ast.Node) (wire.Span, bool) {
	if node == nil {
		return wire.Span{}, false
	}
	span, ok := p.Position(node.Pos())
	if !ok {
		return wire.Span{}, false
	}
	if end, ok := p.Position(node.End()); ok && end.File == span.File && end.Start > span.Start {
		span.End = end.Start
	}
	return span, true
}

// Position is the empty span at a position in the request's files; false for a
// position in none of them.
func (p *Prepared) Position(pos token.Pos) (wire.Span, bool) {
	if !pos.IsValid() {
		return wire.Span{}, false
	}
	file, ok := p.places[pos.File()]
	if !ok {
		return wire.Span{}, false
	}
	return wire.Span{File: file, Start: pos.Offset(), End: pos.Offset()}, true
}

// Original is the name as a fragment writes it of a private name that was
// renamed; any other name is its own original.
func (p *Prepared) Original(name string) string {
	if original, ok := p.private[name]; ok {
		return original
	}
	return name
}
