package eval

import (
	"slices"
	"sort"

	"cuelang.org/go/cue"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/wire"
)

// The layers of soft values, the weakest first.
const (
	layerSchema = iota
	// layerShared: a governing team or the system.
	layerShared
	// layerOwn: the team that owns the component.
	layerOwn
)

// filling gives a tree what nobody wrote: the other spelling of a field, and
// soft values.
type filling struct {
	model  *model
	walk   *walk
	owners map[owner]string
	// filled is what was added.
	filled []addition
	// all: soft values are gathered also where a stronger value stands.
	all bool
}

// run fills a tree in.
func (f *filling) run(tree *wire.Node) {
	f.join(tree)
	soft := f.gather(tree)
	for _, field := range tree.Fields {
		shape := shipped.Root.Struct.At(field.Name)
		if shape == nil || shape.Struct == nil || shape.Struct.Pattern == nil {
			continue
		}
		for _, component := range field.Node.Fields {
			if component.Node.Kind != wire.Struct || f.walk.silent[component.Node] {
				continue
			}
			path := []string{field.Name, component.Name}
			f.fields(component.Node, shape.Struct.Pattern, soft.field(field.Name).field(component.Name), path)
		}
	}
	f.join(tree)
}

// fields fills in what a struct lacks.
func (f *filling) fields(node *wire.Node, shape *schema.Shape, soft *softNode, path []string) {
	if shape == nil || shape.Struct == nil {
		return
	}
	structure := shape.Struct
	present := func(name string) bool {
		inner := get(node, name)
		return inner != nil && (inner.Kind != wire.Absent || f.walk.silent[inner])
	}
	names := fieldNames(node, structure, soft)
	if soft != nil {
		// Of fields that exclude each other the stronger one comes first.
		slices.SortStableFunc(names, func(a, b string) int {
			return f.strength(soft.field(b), path) - f.strength(soft.field(a), path)
		})
	}
	for _, name := range names {
		inner := structure.At(name)
		if inner == nil {
			continue
		}
		at, below := child(path, name), get(node, name)
		if below != nil && below.Kind != wire.Absent && !f.undecided(below) {
			if below.Kind == wire.Struct && !f.walk.silent[below] {
				f.fields(below, inner, soft.field(name), at)
			}
			continue
		}
		if _, excluded := structure.Excluded(name, present); excluded || below != nil && f.walk.silent[below] {
			continue
		}
		f.field(node, structure, name, soft.field(name), at)
	}
}

// fieldNames are the fields to look at: those of the schema, in its order, and
// those that somebody chose.
func fieldNames(node *wire.Node, structure *schema.Struct, soft *softNode) []string {
	var chosen []string
	if structure.Pattern != nil {
		seen := map[string]bool{}
		add := func(name string) {
			if _, known := structure.Fields[name]; !known && !seen[name] {
				seen[name] = true
				chosen = append(chosen, name)
			}
		}
		for _, field := range node.Fields {
			add(field.Name)
		}
		if soft != nil {
			for name := range soft.fields {
				add(name)
			}
		}
		sort.Strings(chosen)
	}
	// A list of its own: the caller sorts it, and the schema's order is for all.
	return append(slices.Clone(structure.Names), chosen...)
}

// strength is the strongest layer that has something for a field or below it.
func (f *filling) strength(soft *softNode, path []string) int {
	if soft == nil {
		return layerSchema
	}
	strongest := layerSchema
	for _, value := range soft.values {
		strongest = max(strongest, f.layer(value, path))
	}
	for _, below := range soft.fields {
		strongest = max(strongest, f.strength(below, path))
	}
	return strongest
}

// layer is how strong a block's value is for a component.
func (f *filling) layer(value softValue, path []string) int {
	if team := f.owners[owner{path[0], path[1]}]; team != "" && team == value.team {
		return layerOwn
	}
	return layerShared
}

// undecided says whether a node still has no value, and may get a soft one.
func (f *filling) undecided(node *wire.Node) bool {
	o, open := f.walk.open[node]
	if !open {
		return false
	}
	for _, c := range o.conjuncts {
		if c.role == wire.RoleCUEDefault {
			return false
		}
	}
	return o.value.IncompleteKind() != cue.BottomKind
}

// field gives a struct a field that it lacks, if there is a soft value for it.
func (f *filling) field(node *wire.Node, structure *schema.Struct, name string, soft *softNode, path []string) {
	below := get(node, name)
	if below != nil && !f.undecided(below) {
		return
	}
	var standard *wire.Node
	if field := structure.Fields[name]; field != nil {
		standard = field.Default(f.model.request.Engine)
	}
	value, ok := f.strongest(soft, standard, path)
	switch {
	case !ok:
		if below != nil {
			f.walk.hush(below)
			delete(f.walk.open, below)
		}
		return
	case value == nil:
		f.newStruct(node, below, structure.At(name), name, soft, path)
		return
	}
	if below == nil {
		set(node, name, value)
		f.filled = append(f.filled, addition{path, value, true})
		return
	}
	o := f.walk.open[below]
	if o.required && value.Origins[0].Role == wire.RoleSchema {
		// Somebody has to say it, and kcc's own default is nobody's.
		return
	}
	if !f.holds(value, o, path) {
		f.walk.hush(below)
		delete(f.walk.open, below)
		return
	}
	value.Origins = append(value.Origins, below.Origins...)
	*below = *value
	delete(f.walk.open, below)
	f.filled = append(f.filled, addition{path, below, true})
}

// newStruct makes a struct that nobody wrote, where soft values are below it
// and nothing required would be missing.
func (f *filling) newStruct(node, below *wire.Node, shape *schema.Shape, name string, soft *softNode, path []string) {
	if shape == nil || shape.Struct == nil || below != nil {
		return
	}
	made := &wire.Node{Kind: wire.Struct}
	before := len(f.filled)
	f.fields(made, shape, soft, path)
	whole := len(made.Fields) > 0
	for _, inner := range shape.Struct.Names {
		whole = whole && (!shape.Struct.Fields[inner].Required || get(made, inner) != nil)
	}
	for _, names := range shape.Struct.OneOf {
		whole = whole && slices.ContainsFunc(names, func(name string) bool { return get(made, name) != nil })
	}
	if !whole {
		f.filled = f.filled[:before]
		return
	}
	set(node, name, made)
}

// strongest picks the value of the strongest layer; the lines of the weaker
// ones follow its own. None where there is none; false where there are two.
func (f *filling) strongest(soft *softNode, standard *wire.Node, path []string) (*wire.Node, bool) {
	var layers [layerOwn + 1][]*wire.Node
	if soft != nil {
		for _, value := range soft.values {
			layer := f.layer(value, path)
			layers[layer] = append(layers[layer], value.node)
		}
	}
	if standard != nil {
		origin := standard.Origins[0]
		own := *standard
		own.Origins = []wire.Origin{{Span: f.model.ofSchema(origin.Span), Role: wire.RoleSchema, By: origin.By + len(f.model.request.Files)}}
		layers[layerSchema] = append(layers[layerSchema], &own)
	}
	var chosen *wire.Node
	for layer := layerOwn; layer >= layerSchema; layer-- {
		for i, value := range layers[layer] {
			if chosen == nil {
				one := *value
				one.Origins = append([]wire.Origin(nil), value.Origins...)
				chosen = &one
				continue
			}
			if i > 0 && !same(layers[layer][0], value) {
				f.twice(layers[layer], path)
				return nil, false
			}
			chosen.Origins = append(chosen.Origins, value.Origins...)
		}
	}
	return chosen, true
}

// twice reports two soft values of one layer.
func (f *filling) twice(values []*wire.Node, path []string) {
	e := wire.Error{Code: wire.Conflict, Path: path}
	for _, value := range values {
		for _, o := range value.Origins {
			e = e.At(o.Span, o.Role)
		}
	}
	f.model.report(e.With("soft", "true"))
}

// holds says whether a soft value satisfies the constraints of its field.
func (f *filling) holds(value *wire.Node, o open, path []string) bool {
	soft := context.BuildExpr(expression(value))
	if result := soft.Unify(o.value); result.Err() == nil && result.IsConcrete() {
		return true
	}
	e := wire.Error{Code: wire.SoftRuledOut, Path: path}.At(value.Origins[0].Span, value.Origins[0].Role)
	against := ruling(soft, o.conjuncts)
	for _, c := range against {
		e = e.At(c.span, c.role)
	}
	f.model.report(f.model.actual(e.With("expected", texts(against)), soft))
	return false
}
