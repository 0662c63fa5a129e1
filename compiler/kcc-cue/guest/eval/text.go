package eval

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
)

// sourceText is an expression as CUE formats it.
func sourceText(expr ast.Node) string {
	text, err := format.Node(expr)
	if err != nil {
		return ""
	}
	return string(text)
}
