package syntax

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// ident finds out what a name means; false if nothing.
func (r *resolver) ident(x *ast.Ident, s *scope) bool {
	name := x.Name
	if name == "_" {
		return true
	}
	if b := s.lookup(name); b != nil {
		b.used = true
		if b.kind != anImport {
			r.source.shadow(name)
		}
		if name == "target" && !r.settled && !r.imported {
			// It is hardly ever meant.
			e := r.p.mark(wire.Error{Code: wire.Overlay, Warning: true}, x)
			if b.at != nil {
				e = r.p.mark(e, b.at)
			}
			r.report(e.With("reason", "shadowed").With("name", name))
		}
		return b.kind != aRefused
	}
	if r.settled {
		return true
	}
	if isPrivate(name) {
		if owner, ok := r.names.owner(name, r.source.Team); ok {
			r.p.rename(x, r.names.renamed(name, owner))
			r.use(x.Name)
			return true
		}
		if e, ok := r.names.foreign(r.p, x); ok {
			r.report(e)
			return false
		}
	} else if usable, ok := r.names.fields[name]; ok {
		if !usable {
			r.report(r.p.mark(wire.Error{Code: wire.Overlay}, x).
				With("reason", "reference").With("name", name))
			return false
		}
		r.use(name)
		return true
	} else if r.p.reported[name] {
		return false
	}
	if predeclared(name) {
		return true
	}
	r.unknown(x, s)
	return false
}

// compared warns where `target` is compared with what no target is called: the
// comparison has one result in all of them.
func (r *resolver) compared(x *ast.BinaryExpr, s *scope) {
	if x.Op != token.EQL && x.Op != token.NEQ || r.settled || r.imported || len(r.p.targets) == 0 {
		return
	}
	for _, sides := range [][2]ast.Expr{{x.X, x.Y}, {x.Y, x.X}} {
		ident, isIdent := sides[0].(*ast.Ident)
		name, isText := plainString(sides[1])
		if !isIdent || !isText || ident.Name != "target" || s.lookup("target") != nil || slices.Contains(r.p.targets, name) {
			continue
		}
		e := r.p.mark(wire.Error{Code: wire.UnknownTarget, Warning: true}, sides[1]).
			With("name", name).With("candidates", strings.Join(r.p.targets, " "))
		if x.Op == token.NEQ {
			e = e.With("differs", "true")
		}
		r.report(e)
	}
}

func (r *resolver) use(name string) {
	if !r.quiet {
		r.names.used[name] = true
	}
}

// unknown reports a name that means nothing, with those that could be meant.
func (r *resolver) unknown(x *ast.Ident, s *scope) {
	if r.quiet || r.p.Unread(x.Name) {
		return
	}
	visible := map[string]bool{}
	s.visible(visible)
	for name, usable := range r.names.fields {
		visible[name] = visible[name] || usable
	}
	for name := range r.names.private {
		_, ok := r.names.owner(name, r.source.Team)
		visible[name] = visible[name] || ok
	}
	for _, name := range predeclaredNames {
		visible[name] = true
	}
	var candidates []string
	for _, name := range slices.Sorted(maps.Keys(visible)) {
		// The host looks for a near name; what differs so much in length is
		// none.
		if visible[name] && max(len(name)-len(x.Name), len(x.Name)-len(name)) <= 3 {
			candidates = append(candidates, name)
		}
	}
	e := r.p.mark(wire.Error{Code: wire.UnknownName}, x).
		With("name", x.Name).With("candidates", strings.Join(candidates, " "))
	for _, path := range standardLibrary {
		if path[strings.LastIndexByte(path, '/')+1:] == x.Name {
			e = e.With("import", path)
		}
	}
	r.report(e)
}

func isRootField(name string) bool {
	return slices.Contains(rootFields, name)
}

// predeclaredNames are CUE's own, in alphabetical order.
var predeclaredNames = []string{
	"and", "bool", "bytes", "close", "div", "error", "float", "float32", "float64", "int", "int128",
	"int16", "int32", "int64", "int8", "len", "matchIf", "matchN", "mod", "number", "or", "quo",
	"rem", "rune", "self", "string", "uint", "uint128", "uint16", "uint32", "uint64", "uint8",
}

func predeclared(name string) bool {
	_, ok := slices.BinarySearch(predeclaredNames, strings.TrimPrefix(name, "__"))
	return ok
}
