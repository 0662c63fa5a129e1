package eval

import (
	"strconv"
	"strings"

	"kcc.dev/engine/wire"
)

// The numbers that can be passed on. CUE computes with as many digits as there
// are; what reads kcc's output has 64 bits for a whole number and a float64 for
// any other.
const (
	wholeNumbers = "int & >=-9223372036854775808 & <=18446744073709551615"
	fractions    = "number & >=-1.7976931348623157e+308 & <=1.7976931348623157e+308"
)

// outOfRange reports a number that cannot be passed on. Digits beyond the
// precision of a float64 are rounded, as everywhere in JSON.
func (m *model) outOfRange(node *wire.Node, path []string) {
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
	e := wire.Error{Code: wire.OutOfBounds, Path: path}.With("expected", expected)
	for _, o := range node.Origins {
		e = e.At(o.Span, o.Role)
	}
	if !secretive(path) {
		e = e.With("actual", show(node))
	}
	m.report(e)
	// Whoever reads the tree could not read the number either.
	node.Kind, node.Text = wire.Absent, ""
}
