package eval

import (
	"strconv"
	"strings"

	"kcc.dev/evaluator/wire"
)

// The ranges of numbers that consumers can represent. CUE computes with arbitrary
// precision; consumers of kcc's output have 64 bits for integers and float64 for
// the rest.
var (
	wholeNumbers = wire.Expected{{
		wire.OfType{Kind: wire.TypeInt},
		wire.AtLeast{Limit: "-9223372036854775808"}, wire.AtMost{Limit: "18446744073709551615"},
	}}
	fractions = wire.Expected{{
		wire.OfType{Kind: wire.TypeNumber},
		wire.AtLeast{Limit: "-1.7976931348623157e+308"}, wire.AtMost{Limit: "1.7976931348623157e+308"},
	}}
)

// outOfRange reports a number that cannot be represented. Digits beyond the
// precision of a float64 are rounded, as in JSON generally.
func (r *reporter) outOfRange(node *wire.Node, path []string) {
	expected := fractions
	_, err := strconv.ParseFloat(node.Text, 64)
	if !strings.ContainsAny(node.Text, ".eE") {
		expected = wholeNumbers
		if _, err = strconv.ParseInt(node.Text, 10, 64); err != nil {
			_, err = strconv.ParseUint(node.Text, 10, 64)
		}
	}
	if err == nil {
		return
	}
	detail := wire.OutOfBounds{Expected: expected}
	if !secretive(path) {
		detail.Actual = show(node)
	}
	e := wire.Fault{Detail: detail, Path: path}
	for _, o := range node.Origins {
		e = e.At(o.Span, o.Role)
	}
	r.report(e)
	// Consumers of the tree could not read the number either.
	node.Kind, node.Text = wire.Absent, ""
}
