package eval

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/wire"
)

// unreplaced returns the line of a conflict that is not replaced by another line
// in the overlay of its team, because the team does not write it at that path
// directly; nil if there is none. It has to be a default to be replaced.
func (m *evaluation) unreplaced(path []string, lines []conjunct) *wire.Unreplaced {
	var overlaid, unreplaced *conjunct
	for i := range lines {
		switch c := &lines[i]; {
		case c.role != wire.RoleValue || c.site == nil:
		case c.site.overlay:
			overlaid = c
		case unreplaced == nil:
			unreplaced = c
		}
	}
	if overlaid == nil || unreplaced == nil || m.team(overlaid.by) != m.team(unreplaced.by) {
		return nil
	}
	written := unreplaced.expr
	at := len(path) - 1
	for ; at > 0 && isIndex(path[at]); at-- {
		// An element is replaced together with its list.
		written = unreplaced.site.field.Value
	}
	found := &wire.Unreplaced{
		By: m.broughtBy(unreplaced.site, path[:at+1]), Field: path[at], Overlay: !overlaid.site.isPlain() && unreplaced.site.isPlain(),
	}
	if secretive(path) {
		return found
	}
	text := sourceText(written)
	if _, computed := written.(*ast.BinaryExpr); computed {
		text = "(" + text + ")"
	}
	kind := overlaid.value.IncompleteKind()
	if at < len(path)-1 {
		kind = cue.ListKind
	}
	found.Default = "*" + text + " | " + anyOf(kind)
	return found
}

// broughtBy names what brings a conjunct to a path it is not written at: a
// pattern, a name or, if it is written there, a condition.
func (m *evaluation) broughtBy(here *site, path []string) string {
	if here.inPattern() {
		return "a pattern"
	}
	if here.isAt(path) {
		return "an `if` or a computed name"
	}
	if here.pkg != "" {
		return "`" + here.pkg + "`"
	}
	return "`" + m.prepared.Original(here.root()) + "`"
}

// anyOf returns the type of all values of a kind.
func anyOf(kind cue.Kind) string {
	switch kind {
	case cue.ListKind:
		return "[...]"
	case cue.StructKind:
		return "{...}"
	}
	return kind.String()
}

// team returns the team of a file of the request, empty for the system's own.
func (m *evaluation) team(file int) string {
	if file < len(m.request.Files) {
		return m.request.Files[file].Team
	}
	return ""
}
