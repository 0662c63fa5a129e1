package eval

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"

	"kcc.dev/engine/wire"
)

// follower is an error of an expression that fails because of what it refers
// to. It is said only where nothing is said at its cause: a mistake elsewhere
// in the system has nothing to do with it.
type follower struct {
	wire.Error
	// causes are the places that CUE blames.
	causes []wire.Span
}

// follow notes an error of an expression with what CUE blames for it.
func (m *model) follow(e wire.Error, blamed ...errors.Error) {
	m.followers = append(m.followers, follower{e, m.causes(blamed)})
}

// followLines notes an error of lines by the value that they make.
func (m *model) followLines(e wire.Error, path []string, v cue.Value, lines ...conjunct) {
	causes := m.causes(failuresOf(v))
	elsewhere := slices.ContainsFunc(causes, func(at wire.Span) bool {
		return len(e.Labels) == 0 || !covers(e.Labels[0].Span, at)
	})
	for _, c := range lines {
		// Of a circle, or a value that was taken out, CUE says nothing to those
		// that only refer to it.
		if !elsewhere {
			causes = append(causes, m.referredTo(path, c)...)
		}
	}
	m.followers = append(m.followers, follower{e, causes})
}

func (m *model) causes(blamed []errors.Error) []wire.Span {
	var out []wire.Span
	for _, err := range blamed {
		for _, pos := range errors.Positions(err) {
			if at, ok := m.prepared.Position(pos); ok {
				out = append(out, at)
			}
		}
	}
	return out
}

// referredTo are the places of the values that a line names.
func (m *model) referredTo(path []string, c conjunct) []wire.Span {
	var out []wire.Span
	add := func(node ast.Node) {
		if at, ok := m.span(node); ok {
			out = append(out, at)
		}
	}
	for _, lead := range m.leadsTo(path, c) {
		for _, p := range m.lexicon.below(lead) {
			add(p.field.Value)
		}
	}
	ast.Walk(c.expr, func(node ast.Node) bool {
		if ident, ok := node.(*ast.Ident); ok && ident.Node != nil {
			add(ident.Node)
		}
		return true
	}, nil)
	return out
}

// unexplained are the followers of which no error tells the cause.
func (m *model) unexplained(told []wire.Error) []wire.Error {
	var out []wire.Error
	for _, f := range m.followers {
		if !slices.ContainsFunc(f.causes, func(cause wire.Span) bool {
			// What was dropped has been reported before anything was evaluated.
			return m.prepared.DroppedAt(cause) || tells(told, cause)
		}) {
			out = append(out, m.original(f.Error))
		}
	}
	return out
}

// tells says whether one of some errors is about a place: at its first line, or
// at one that gives a value. A line that only constrains is no mistake by itself.
func tells(told []wire.Error, at wire.Span) bool {
	return slices.ContainsFunc(told, func(e wire.Error) bool {
		for i, label := range e.Labels {
			if !e.Warning && (i == 0 || label.Role != wire.RoleConstraint) && (covers(label.Span, at) || covers(at, label.Span)) {
				return true
			}
		}
		return false
	})
}

// covers says whether a place begins within another one.
func covers(span, at wire.Span) bool {
	return span.File == at.File && span.Start <= at.Start && (at.Start < span.End || at.Start == span.Start)
}
