package eval

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/wire"
)

// replacement are the lines at a path that the target's overlay stands in for.
type replacement struct {
	path  []string
	lines []wire.Origin
}

// noteReplaced keeps the line of a value that stepped aside, for those who ask
// who said what.
func (m *model) noteReplaced(path []string, expr ast.Expr) {
	if span, ok := m.span(expr); ok && m.request.Explain {
		m.addReplaced(path, span)
	}
}

func (m *model) addReplaced(path []string, span wire.Span) {
	key := strings.Join(path, "\x00")
	found := m.replaced[key]
	if found == nil {
		if m.replaced == nil {
			m.replaced = map[string]*replacement{}
		}
		found = &replacement{path: slices.Clone(path)}
		m.replaced[key] = found
	}
	found.lines = merge(found.lines, []wire.Origin{{Span: span, Role: wire.RoleValue, By: span.File}})
}

// replacements notes the lines that the target's overlay stands in for.
func (e *explaining) replacements() {
	for _, excluded := range e.prepared.Excluded {
		e.addReplaced(excluded.Path, excluded.At)
	}
	for _, key := range slices.Sorted(maps.Keys(e.replaced)) {
		found := e.replaced[key]
		slices.SortFunc(found.lines, func(a, b wire.Origin) int {
			if less(a.Span, b.Span) {
				return -1
			}
			return 1
		})
		e.notes.at(found.path...).Replaced = found.lines
	}
}
