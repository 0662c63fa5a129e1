package eval

import (
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/wire"
)

// besideOverlay says of a conflict that one line is in the target's overlay
// and that another one of the same team stays beside it, because the team does
// not write it at that path itself. What it takes to be replaced there is to be
// a default.
func (m *model) besideOverlay(e wire.Error, path []string, lines []conjunct) wire.Error {
	var over, stays *conjunct
	for i := range lines {
		switch c := &lines[i]; {
		case c.role != wire.RoleValue || c.place == nil:
		case c.place.overlay:
			over = c
		case stays == nil:
			stays = c
		}
	}
	if over == nil || stays == nil || m.team(over.by) != m.team(stays.by) {
		return e
	}
	written := stays.expr
	at := len(path) - 1
	for ; at > 0 && isIndex(path[at]); at-- {
		// An element is replaced together with its list.
		written = stays.place.field.Value
	}
	e = e.With("overlay", m.means(stays.place, path[:at+1])).With("field", path[at])
	if secretive(path) {
		return e
	}
	text := sourceText(written)
	if _, computed := written.(*ast.BinaryExpr); computed {
		text = "(" + text + ")"
	}
	kind := over.value.IncompleteKind()
	if at < len(path)-1 {
		kind = cue.ListKind
	}
	return e.With("as", "*"+text+" | "+anyOf(kind))
}

// means names what makes a line hold at a path that it is not written at
// itself: a pattern, a name, or, where it is written there, a condition.
func (m *model) means(here *place, path []string) string {
	if here.many() {
		return "a pattern"
	}
	if here.at(path) {
		return "an `if` or a computed name"
	}
	root := m.prepared.Original(here.root())
	if path, ok := strings.CutPrefix(root, imported); ok {
		root = path
	}
	return "`" + root + "`"
}

// anyOf is the type of all values of a kind.
func anyOf(kind cue.Kind) string {
	switch kind {
	case cue.ListKind:
		return "[...]"
	case cue.StructKind:
		return "{...}"
	}
	return kind.String()
}

// team is that of one of the request's files; empty for the system's own.
func (m *model) team(file int) string {
	if file < len(m.request.Files) {
		return m.request.Files[file].Team
	}
	return ""
}
