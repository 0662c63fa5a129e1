package syntax

import (
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"

	"kcc.dev/evaluator/wire"
)

// Format formats each file as `cue fmt` does. A file with a syntax error is
// reported and has no text.
func Format(req *wire.Request) *wire.Response {
	resp := &wire.Response{Formatted: make([]*string, len(req.Files))}
	for index, file := range req.Files {
		source := []byte(file.Text)
		tree, err := parser.ParseFile(file.Name, source, parser.ParseComments, parser.AllErrors)
		if first := firstError(err); first != nil {
			broken := findBroken(source, first)
			resp.Errors = append(resp.Errors, wire.Fault{Detail: wire.Syntax{Message: broken.message}}.
				At(wire.Span{File: index, Start: broken.at, End: broken.atEnd}, wire.RoleValue))
			continue
		}
		for _, decl := range tree.Decls {
			if tooDeep(decl) != nil {
				err := wire.Fault{Detail: wire.Syntax{Message: nestedTooDeep}}
				resp.Errors = append(resp.Errors, err.At(wire.Span{File: index}, wire.RoleValue))
				tree = nil
				break
			}
		}
		if tree == nil {
			continue
		}
		formatted, err := format.Node(tree)
		if err != nil {
			resp.Errors = append(resp.Errors, wire.Fault{Detail: wire.Syntax{Message: err.Error()}}.
				At(wire.Span{File: index}, wire.RoleValue))
			continue
		}
		text := string(formatted)
		resp.Formatted[index] = &text
	}
	return resp
}
