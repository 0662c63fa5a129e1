package eval

import (
	"math"
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
	expected, representable := fractions, isFinite(node.Text)
	if strings.Trim(node.Text, "-0123456789") == "" {
		expected = wholeNumbers
		_, err := strconv.ParseInt(node.Text, 10, 64)
		if err != nil {
			_, err = strconv.ParseUint(node.Text, 10, 64)
		}
		representable = err == nil
	}
	if representable {
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

// removeUnreadable removes the numbers that no consumer of the tree can read: those
// about which something else was reported, and those below it.
func removeUnreadable(node *wire.Node) {
	switch node.Kind {
	case wire.Struct:
		for _, field := range node.Fields {
			removeUnreadable(field.Node)
		}
	case wire.List:
		for _, item := range node.Items {
			removeUnreadable(item)
		}
	case wire.Number:
		if !isFinite(node.Text) {
			node.Kind, node.Text = wire.Absent, ""
		}
	}
}

// isFinite reports whether a number can be represented. CUE has infinities, as the
// result of functions.
func isFinite(number string) bool {
	value, err := strconv.ParseFloat(number, 64)
	return err == nil && !math.IsInf(value, 0) && !math.IsNaN(value)
}
