package eval

import (
	"strings"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/wire"
)

// spellings are the fields of a component that can be written in two ways: a
// short path and the long ones that it stands for.
var spellings = []spelling{
	{short: []string{"port"}, long: [][]string{{"ports", "http", "number"}}, both: true},
	{short: []string{"resources", "memory"}, long: [][]string{
		{"resources", "requests", "memory"}, {"resources", "limits", "memory"},
	}},
	{short: []string{"resources", "cpu"}, long: [][]string{{"resources", "requests", "cpu"}}},
}

type spelling struct {
	short []string
	long  [][]string
	// both: the finished tree has the two of them.
	both bool
}

// join makes the two spellings of a field one value.
func (f *filling) join(tree *wire.Node) {
	for _, field := range tree.Fields {
		shape := shipped.Root.Struct.At(field.Name)
		if !isComponent(field.Name) || field.Node.Kind != wire.Struct {
			continue
		}
		for _, component := range field.Node.Fields {
			if component.Node.Kind != wire.Struct || f.walk.silent[component.Node] {
				continue
			}
			path := []string{field.Name, component.Name}
			f.joinAll(component.Node, shape.Struct.Pattern, path)
			sidecars := shape.Struct.Pattern.Below("sidecars")
			all := at(component.Node, "sidecars")
			if sidecars == nil || all == nil || all.Kind != wire.Struct {
				continue
			}
			for _, sidecar := range all.Fields {
				if sidecar.Node.Kind == wire.Struct && !f.walk.silent[sidecar.Node] {
					f.joinAll(sidecar.Node, sidecars.Struct.Pattern, append(path[:2:2], "sidecars", sidecar.Name))
				}
			}
		}
	}
}

// joinAll joins the spellings of one component, or of one of its sidecars.
func (f *filling) joinAll(node *wire.Node, shape *schema.Shape, path []string) {
	for _, s := range spellings {
		if shape.Below(s.short...) == nil {
			continue
		}
		for _, long := range s.long {
			f.joinOne(node, shape, path, s, long)
		}
	}
}

func isComponent(name string) bool {
	for _, field := range componentFields {
		if field == name {
			return true
		}
	}
	return false
}

func (f *filling) joinOne(component *wire.Node, shape *schema.Shape, path []string, s spelling, name []string) {
	short, long := at(component, s.short...), at(component, name...)
	has := func(node *wire.Node) bool {
		return node != nil && node.Kind != wire.Absent && !f.walk.silent[node]
	}
	for _, pair := range [][2]*wire.Node{{short, long}, {long, short}} {
		// What is wrong in one spelling is not missing in the other.
		if _, open := f.walk.open[pair[1]]; s.both && open && f.walk.silent[pair[0]] {
			f.walk.hush(pair[1])
			delete(f.walk.open, pair[1])
		}
	}
	switch {
	case has(short) && has(long):
		if !same(short, long) && isHard(short) && isHard(long) {
			f.differ(short, long, append(path[:len(path):len(path)], s.short...), name)
		}
	case s.both && has(short):
		f.copy(component, short, long, path, name)
	case s.both && has(long):
		f.copy(component, long, short, path, s.short)
	}
}

// isHard says whether a value was written rather than filled in.
func isHard(node *wire.Node) bool {
	return len(node.Origins) == 0 || node.Origins[0].Role != wire.RoleSoft && node.Origins[0].Role != wire.RoleSchema
}

// copy gives a component the other spelling of a value.
func (f *filling) copy(component, from, to *wire.Node, path, name []string) {
	full := append(path[:len(path):len(path)], name...)
	if to != nil {
		if f.walk.silent[to] {
			return
		}
		o, open := f.walk.open[to]
		if open && !f.agrees(from, o, full) {
			f.walk.hush(to)
			delete(f.walk.open, to)
			return
		}
	}
	node := &wire.Node{Kind: from.Kind, Bool: from.Bool, Text: from.Text}
	node.Origins = append(node.Origins, from.Origins...)
	if to != nil {
		node.Origins = merge(node.Origins, to.Origins)
		delete(f.walk.open, to)
		*to = *node
		node = to
	} else {
		for _, step := range name[:len(name)-1] {
			next := get(component, step)
			if next == nil || next.Kind == wire.Absent {
				if next == nil {
					next = &wire.Node{}
				}
				delete(f.walk.open, next)
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
	f.filled = append(f.filled, addition{full, node, !isHard(from)})
}

// merge appends the lines that are not there yet.
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

// agrees says whether a value that is written in one spelling satisfies the
// constraints of the other.
func (f *filling) agrees(from *wire.Node, o open, path []string) bool {
	value := context.BuildExpr(expression(from))
	if value.Unify(o.value).Err() == nil {
		return true
	}
	e := wire.Error{Code: wire.OutOfBounds, Path: path}
	for _, origin := range from.Origins {
		if origin.Role != wire.RoleConstraint {
			e = e.At(origin.Span, origin.Role)
		}
	}
	against := ruling(value, o.conjuncts)
	for _, c := range against {
		e = e.At(c.span, c.role)
	}
	f.model.report(f.model.actual(e.With("expected", texts(against)), value))
	return false
}

// differ reports a field whose spellings have two values.
func (f *filling) differ(short, long *wire.Node, path, other []string) {
	e := wire.Error{Code: wire.Conflict, Path: path}
	for _, node := range []*wire.Node{short, long} {
		for _, o := range node.Origins {
			if o.Role == wire.RoleValue || o.Role == wire.RoleCUEDefault {
				e = e.At(o.Span, o.Role)
			}
		}
	}
	f.model.report(e.With("other", strings.Join(other, ".")))
	f.walk.hush(short)
	f.walk.hush(long)
}
