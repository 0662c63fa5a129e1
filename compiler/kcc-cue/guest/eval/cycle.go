package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"

	"kcc.dev/engine/wire"
)

// maxCycles bounds how many values are put together; more are told one by one.
const maxCycles = 500

// cyclic is a value that needs itself.
type cyclic struct {
	path  []string
	kind  string
	lines []conjunct
	// leads are the paths that its lines refer to.
	leads [][]string
}

func isCycle(text string) bool {
	return strings.HasPrefix(text, "structural cycle") || strings.HasPrefix(text, "cycle with field") ||
		strings.HasPrefix(text, "cyclic reference")
}

// cycle notes a value that needs itself; CUE says so at each value of a circle.
func (m *model) cycle(path []string, lines []conjunct, text string) {
	kind := "value"
	if strings.HasPrefix(text, "structural") {
		kind = "structure"
	}
	found := cyclic{path: path, kind: kind, lines: lines}
	for _, c := range lines {
		found.leads = append(found.leads, m.leadsTo(path, c)...)
	}
	m.cycles = append(m.cycles, found)
}

// reportCycles reports each circle once, with the lines of all its values.
// What only leads to a circle is none itself.
func (m *model) reportCycles() {
	cycles := m.cycles
	m.cycles = nil
	reaches := make([]map[int]bool, len(cycles))
	if len(cycles) <= maxCycles {
		for i := range cycles {
			reaches[i] = reachable(cycles, i)
		}
	}
	told := make([]bool, len(cycles))
	for i, one := range cycles {
		if told[i] {
			continue
		}
		circle, beside := []cyclic{one}, false
		for j, other := range cycles {
			switch {
			case j == i || !reaches[i][j] || other.kind != one.kind:
			case reaches[j][i]:
				told[j] = true
				circle = append(circle, other)
			default:
				beside = true
			}
		}
		if beside && !reaches[i][i] {
			continue
		}
		slices.SortStableFunc(circle, func(a, b cyclic) int { return byPlace(a.lines, b.lines) })
		var lines []conjunct
		for _, one := range circle {
			lines = append(lines, one.lines...)
		}
		m.report(m.error(wire.Cycle, circle[0].path, lines).With("kind", one.kind))
	}
}

// byPlace orders lists of lines by the first of each.
func byPlace(a, b []conjunct) int {
	switch {
	case len(a) == 0 || len(b) == 0:
		return len(b) - len(a)
	case less(a[0].span, b[0].span):
		return -1
	case less(b[0].span, a[0].span):
		return 1
	}
	return 0
}

// reachable are the values that one leads to, itself only by way of its lines.
func reachable(cycles []cyclic, from int) map[int]bool {
	found := map[int]bool{}
	open := []int{from}
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		for _, lead := range cycles[at].leads {
			for i, other := range cycles {
				if !found[i] && slices.Equal(lead, other.path) {
					found[i] = true
					open = append(open, i)
				}
			}
		}
	}
	return found
}

// leadsTo are the paths of the fields that a line refers to by their names.
func (m *model) leadsTo(path []string, c conjunct) [][]string {
	var found [][]string
	inner := map[ast.Node]bool{}
	ast.Walk(c.expr, func(node ast.Node) bool {
		if inner[node] {
			return false
		}
		var names []string
		x, ok := node.(ast.Expr)
		for ok {
			switch y := x.(type) {
			case *ast.SelectorExpr:
				name, _, err := ast.LabelName(y.Sel)
				ok = err == nil
				names = append(names, name)
				inner[y.Sel], inner[y.X] = true, true
				x = y.X
				continue
			case *ast.IndexExpr:
				name, text := plainText(y.Index)
				ok = text
				names = append(names, name)
				inner[y.X] = true
				x = y.X
				continue
			case *ast.Ident:
				slices.Reverse(names)
				if head := m.meantPath(path, c.place, y); head != nil {
					found = append(found, append(head, names...))
				}
			}
			break
		}
		return true
	}, nil)
	return found
}

// meantPath is the path of the field that a name in a line at a path means; nil
// where it is none that the fragments write there.
func (m *model) meantPath(path []string, here *place, ident *ast.Ident) []string {
	for p, depth := here, len(path); p != nil && p.parent != nil && depth > 0; p, depth = p.parent, depth-1 {
		if !p.at(path[:depth]) {
			break
		}
		if len(m.lexicon.children[p.parent][ident.Name]) > 0 {
			return child(path[:depth-1], ident.Name)
		}
	}
	if m.isRoot(ident) {
		return []string{ident.Name}
	}
	return nil
}

// plainText is the text of a string literal.
func plainText(x ast.Expr) (string, bool) {
	lit, ok := x.(*ast.BasicLit)
	if !ok {
		return "", false
	}
	text, err := literal.Unquote(lit.Value)
	return text, err == nil
}
