package eval

import (
	"slices"
	"strings"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// joinSpellings unifies the two spellings of each field.
func (f *filler) joinSpellings(tree *wire.Node) {
	for _, field := range tree.Fields {
		shape := shipped.Root.Struct.At(field.Name)
		if !isComponent(field.Name) || field.Node.Kind != wire.Struct {
			continue
		}
		for _, component := range field.Node.Fields {
			if component.Node.Kind != wire.Struct || f.silent[component.Node] {
				continue
			}
			path := []string{field.Name, component.Name}
			f.joinComponent(component.Node, shape.Struct.Pattern, path)
			sidecars := shape.Struct.Pattern.Below("sidecars")
			all := at(component.Node, "sidecars")
			if sidecars == nil || all == nil || all.Kind != wire.Struct {
				continue
			}
			for _, sidecar := range all.Fields {
				if sidecar.Node.Kind == wire.Struct && !f.silent[sidecar.Node] {
					f.joinComponent(sidecar.Node, sidecars.Struct.Pattern, append(path[:2:2], "sidecars", sidecar.Name))
				}
			}
		}
	}
}

// joinComponent joins the spellings of one component or sidecar.
func (f *filler) joinComponent(node *wire.Node, shape *schema.Shape, path []string) {
	for _, s := range shape.Struct.Spellings() {
		for _, long := range s.Long {
			f.joinSpelling(node, shape, path, s, long)
		}
	}
}

func isComponent(name string) bool {
	return slices.Contains(shipped.ComponentFields(), name)
}

func (f *filler) joinSpelling(component *wire.Node, shape *schema.Shape, path []string, s schema.Spelling, name []string) {
	short, long := at(component, s.Short...), at(component, name...)
	has := func(node *wire.Node) bool {
		return node != nil && node.Kind != wire.Absent && !f.silent[node]
	}
	for _, pair := range [][2]*wire.Node{{short, long}, {long, short}} {
		// An error in one spelling does not make the other one missing.
		if _, waiting := f.incomplete[pair[1]]; s.Both && waiting && f.silent[pair[0]] {
			f.silence(pair[1])
			delete(f.incomplete, pair[1])
		}
	}
	switch {
	case has(short) && has(long):
		if !same(short, long) && isWritten(short) && isWritten(long) {
			f.reportDifferentSpellings(short, long, append(path[:len(path):len(path)], s.Short...), name)
		}
	case s.Both && has(short):
		f.copySpelling(component, short, long, path, name)
	case s.Both && has(long):
		f.copySpelling(component, long, short, path, s.Short)
	}
}

// isWritten reports whether a value was written rather than filled in.
func isWritten(node *wire.Node) bool {
	return len(node.Origins) == 0 || node.Origins[0].Role != wire.RoleDefault && node.Origins[0].Role != wire.RoleSchema
}

// copySpelling copies a value to its other spelling.
func (f *filler) copySpelling(component, from, to *wire.Node, path, name []string) {
	full := append(path[:len(path):len(path)], name...)
	if to != nil {
		if f.silent[to] {
			return
		}
		o, waiting := f.incomplete[to]
		if waiting && !f.satisfiesOther(from, o, full) {
			f.silence(to)
			delete(f.incomplete, to)
			return
		}
	}
	node := &wire.Node{Kind: from.Kind, Bool: from.Bool, Text: from.Text}
	node.Origins = append(node.Origins, from.Origins...)
	if to != nil {
		node.Origins = merge(node.Origins, to.Origins)
		delete(f.incomplete, to)
		*to = *node
		node = to
	} else {
		for _, step := range name[:len(name)-1] {
			next := get(component, step)
			if next == nil || next.Kind == wire.Absent {
				if next == nil {
					next = &wire.Node{}
				}
				delete(f.incomplete, next)
				next.Kind = wire.Struct
				set(component, step, next)
			}
			if next.Kind != wire.Struct {
				return
			}
			component = next
		}
		set(component, name[len(name)-1], node)
	}
	f.filled = append(f.filled, addition{full, node, !isWritten(from)})
}

// merge appends the origins that are not there yet.
func merge(lines, more []wire.Origin) []wire.Origin {
	for _, o := range more {
		found := false
		for _, have := range lines {
			found = found || have == o
		}
		if !found {
			lines = append(lines, o)
		}
	}
	return lines
}

// satisfiesOther reports whether a value written in one spelling satisfies the
// constraints of the other.
func (f *filler) satisfiesOther(from *wire.Node, o incomplete, path []string) bool {
	value := context.BuildExpr(expression(from))
	if value.Unify(o.value).Err() == nil {
		return true
	}
	against := violated(value, o.conjuncts)
	detail := wire.OutOfBounds{Expected: expectedBy(against), Actual: actual(path, value)}
	e := wire.Fault{Detail: detail, Path: path}
	for _, origin := range from.Origins {
		if origin.Role != wire.RoleConstraint {
			e = e.At(origin.Span, origin.Role)
		}
	}
	for _, c := range against {
		e = e.At(c.span, c.role)
	}
	f.report(e)
	return false
}

// reportDifferentSpellings reports a field whose spellings have different values.
func (f *filler) reportDifferentSpellings(short, long *wire.Node, path, other []string) {
	e := wire.Fault{Detail: wire.DifferentSpellings{Other: strings.Join(other, ".")}, Path: path}
	for _, node := range []*wire.Node{short, long} {
		for _, o := range node.Origins {
			if o.Role == wire.RoleValue || o.Role == wire.RoleCUEDefault {
				e = e.At(o.Span, o.Role)
			}
		}
	}
	f.report(e)
	f.silence(short)
	f.silence(long)
}
