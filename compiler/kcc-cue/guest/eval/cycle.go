package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"

	"kcc.dev/evaluator/wire"
)

// maxCycles bounds how many values are grouped into cycles; beyond it each is
// reported on its own.
const maxCycles = 500

// cyclicValue is a value that depends on itself.
type cyclicValue struct {
	path  []string
	kind  wire.CycleKind
	lines []conjunct
	// references are the paths that its conjuncts refer to.
	references [][]string
}

func isCycle(text string) bool {
	return strings.HasPrefix(text, "structural cycle") || strings.HasPrefix(text, "cycle with field") ||
		strings.HasPrefix(text, "cyclic reference")
}

// recordCycle records a value that depends on itself; CUE reports it at every
// value of a cycle.
func (r *reporter) recordCycle(path []string, lines []conjunct, text string) {
	kind := wire.CycleKindValue
	if strings.HasPrefix(text, "structural") {
		kind = wire.CycleKindStructure
	}
	found := cyclicValue{path: path, kind: kind, lines: lines}
	for _, c := range lines {
		found.references = append(found.references, r.referencedPaths(path, c)...)
	}
	r.cycles = append(r.cycles, found)
}

// recordCycleBehind records the cycle that conjuncts lead to through values that
// are not part of the tree, such as hidden fields. It returns false if there is
// none.
func (r *reporter) recordCycleBehind(path []string, lines []conjunct) bool {
	type step struct {
		path  []string
		lines []conjunct
	}
	var stack []step
	seen := map[string]bool{}
	var follow func(path []string, lines []conjunct) bool
	follow = func(path []string, lines []conjunct) bool {
		for i, above := range stack {
			if slices.Equal(above.path, path) {
				for _, one := range stack[i:] {
					r.recordCycle(one.path, one.lines, "")
				}
				return true
			}
		}
		if key := strings.Join(path, "\x00"); seen[key] || len(stack) > maxHops {
			return false
		} else {
			seen[key] = true
		}
		stack = append(stack, step{path, lines})
		defer func() { stack = stack[:len(stack)-1] }()
		for _, c := range lines {
			for _, next := range r.referencedPaths(path, c) {
				v, ok := below(r.root, next)
				if ok && !v.IsConcrete() && follow(next, r.conjuncts(v, next, nil)) {
					return true
				}
			}
		}
		return false
	}
	return follow(path, lines)
}

// reportCycles reports each cycle once, with the conjuncts of all its values.
// Values that only lead to a cycle are left out.
func (r *reporter) reportCycles() {
	cycles := r.cycles
	r.cycles = nil
	reaches := make([]map[int]bool, len(cycles))
	if len(cycles) <= maxCycles {
		for i := range cycles {
			reaches[i] = reachable(cycles, i)
		}
	}
	reported := make([]bool, len(cycles))
	for i, one := range cycles {
		if reported[i] {
			continue
		}
		group, leadsElsewhere := []cyclicValue{one}, false
		for j, other := range cycles {
			switch {
			case j == i || !reaches[i][j] || other.kind != one.kind:
			case reaches[j][i]:
				reported[j] = true
				group = append(group, other)
			default:
				leadsElsewhere = true
			}
		}
		if leadsElsewhere && !reaches[i][i] {
			continue
		}
		slices.SortStableFunc(group, func(a, b cyclicValue) int { return compareFirst(a.lines, b.lines) })
		var lines []conjunct
		for _, one := range group {
			lines = append(lines, one.lines...)
		}
		r.report(r.error(wire.Cycle{Kind: one.kind}, group[0].path, lines))
	}
}

// compareFirst orders lists of conjuncts by the span of the first.
func compareFirst(a, b []conjunct) int {
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

// reachable returns the values that one references to, including itself only if a
// reference references back.
func reachable(cycles []cyclicValue, from int) map[int]bool {
	found := map[int]bool{}
	pending := []int{from}
	for len(pending) > 0 {
		at := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		for _, lead := range cycles[at].references {
			for i, other := range cycles {
				if !found[i] && slices.Equal(lead, other.path) {
					found[i] = true
					pending = append(pending, i)
				}
			}
		}
	}
	return found
}

// referencedPaths returns the paths of the fields that a conjunct refers to by
// name.
func (m *evaluation) referencedPaths(path []string, c conjunct) [][]string {
	var found [][]string
	for _, one := range m.referencesIn(path, c) {
		found = append(found, one.path)
	}
	return found
}

// reference is an expression that refers to the field at a path.
type reference struct {
	expr ast.Expr
	path []string
}

// referencesIn returns the references in a conjunct to fields by name.
func (m *evaluation) referencesIn(path []string, c conjunct) []reference {
	var found []reference
	inner := map[ast.Node]bool{}
	ast.Walk(c.expr, func(node ast.Node) bool {
		if inner[node] {
			return false
		}
		var names []string
		whole, ok := node.(ast.Expr)
		x := whole
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
				if head := m.resolvePath(path, c.site, y); head != nil {
					found = append(found, reference{whole, append(head, names...)})
				}
			}
			break
		}
		return true
	}, nil)
	return found
}

// resolvePath returns the path of the field that an identifier at path refers to,
// or nil if the fragments write none there.
func (m *evaluation) resolvePath(path []string, here *site, ident *ast.Ident) []string {
	for p, depth := here, len(path); p != nil && p.parent != nil && depth > 0; p, depth = p.parent, depth-1 {
		if !p.isAt(path[:depth]) {
			break
		}
		if len(m.index.children[p.parent][ident.Name]) > 0 {
			return child(path[:depth-1], ident.Name)
		}
	}
	if m.isRoot(ident) {
		return []string{ident.Name}
	}
	return nil
}

// plainText returns the text of a string literal.
func plainText(x ast.Expr) (string, bool) {
	lit, ok := x.(*ast.BasicLit)
	if !ok {
		return "", false
	}
	text, err := literal.Unquote(lit.Value)
	return text, err == nil
}
