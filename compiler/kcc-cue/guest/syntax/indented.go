package syntax

import (
	"strings"

	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/wire"
)

// indentedBelow returns the labels that a node is indented below, or nil if a line
// above it has anything but a label. CUE reads a block without braces, as an author
// writes it who knows YAML, as fields of the root.
func (p *Prepared) indentedBelow(s *source, node ast.Node) *wire.Indented {
	at, ok := p.Span(node)
	if !ok || at.Start > len(s.Text) {
		return nil
	}
	lines := strings.Split(s.Text[:at.Start], "\n")
	end := at.Start - len(lines[len(lines)-1])
	least := indentation(s.Text[end:])
	var labels []string
	innermost := -1
	for i := len(lines) - 2; i >= 0 && least > 0; i-- {
		line := lines[i]
		end -= len(line) + 1
		if strings.TrimSpace(line) == "" || indentation(line) >= least {
			continue
		}
		label, isLabel := strings.CutSuffix(strings.TrimSpace(line), ":")
		if !isLabel {
			return nil
		}
		if innermost < 0 {
			innermost = end
		}
		labels = append([]string{label}, labels...)
		least = indentation(line)
	}
	if innermost < 0 || least > 0 {
		return nil
	}
	return &wire.Indented{Below: strings.Join(labels, ": "), Start: innermost}
}

// indentation returns the number of blanks that a text begins with.
func indentation(text string) int {
	return len(text) - len(strings.TrimLeft(text, " \t"))
}
