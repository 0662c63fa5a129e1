package eval

import (
	"slices"
	"sort"

	"cuelang.org/go/cue"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// The layers of defaults, the weakest first.
const (
	layerSchema = iota
	// layerShared: a governing team or the system.
	layerShared
	// layerOwn: the team that owns the component.
	layerOwn
)

// filler adds what nobody wrote to a tree: the other spelling of a field, and
// defaults.
type filler struct {
	*walker
	owners map[owner]string
	// filled has what was added.
	filled []addition
	// all is set to collect defaults even where a stronger value exists.
	all bool
}

// run fills in a tree.
func (f *filler) run(tree *wire.Node) {
	f.joinSpellings(tree)
	defaults := f.collectDefaults(tree)
	for _, field := range tree.Fields {
		shape := shipped.Root.Struct.At(field.Name)
		if shape == nil || shape.Struct == nil || shape.Struct.Pattern == nil {
			continue
		}
		for _, component := range field.Node.Fields {
			if component.Node.Kind != wire.Struct || f.silent[component.Node] {
				continue
			}
			path := []string{field.Name, component.Name}
			f.fields(component.Node, shape.Struct.Pattern, defaults.field(field.Name).field(component.Name), path)
		}
	}
	f.joinSpellings(tree)
}

// fields fills in what a struct lacks.
func (f *filler) fields(node *wire.Node, shape *schema.Shape, defaults *defaultNode, path []string) {
	if shape == nil || shape.Struct == nil {
		return
	}
	structure := shape.Struct
	present := func(name string) bool {
		inner := get(node, name)
		return inner != nil && (inner.Kind != wire.Absent || f.silent[inner])
	}
	names := fieldNames(node, structure, defaults)
	if defaults != nil {
		// Of fields that exclude each other the stronger one comes first.
		slices.SortStableFunc(names, func(a, b string) int {
			return f.strength(defaults.field(b), path) - f.strength(defaults.field(a), path)
		})
	}
	for _, name := range names {
		inner := structure.At(name)
		if inner == nil {
			continue
		}
		at, below := child(path, name), get(node, name)
		if below != nil && below.Kind != wire.Absent && !f.isFillable(below) {
			if below.Kind == wire.Struct && !f.silent[below] {
				f.fields(below, inner, defaults.field(name), at)
			}
			continue
		}
		if _, excluded := structure.Excluded(name, present); excluded || below != nil && f.silent[below] {
			continue
		}
		f.field(node, structure, name, defaults.field(name), at)
	}
}

// fieldNames returns the fields to fill in: those of the schema, in its order,
// and user-chosen names.
func fieldNames(node *wire.Node, structure *schema.Struct, defaults *defaultNode) []string {
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
		if defaults != nil {
			for name := range defaults.fields {
				add(name)
			}
		}
		sort.Strings(chosen)
	}
	// A copy: the caller sorts it, and the schema's order is shared.
	return append(slices.Clone(structure.Names), chosen...)
}

// strength returns the strongest layer that has a default for a field or below
// it.
func (f *filler) strength(defaults *defaultNode, path []string) int {
	if defaults == nil {
		return layerSchema
	}
	strongest := layerSchema
	for _, value := range defaults.values {
		strongest = max(strongest, f.layer(value, path))
	}
	for _, below := range defaults.fields {
		strongest = max(strongest, f.strength(below, path))
	}
	return strongest
}

// layer returns the layer of a block's value for a component.
func (f *filler) layer(value defaultValue, path []string) int {
	if team := f.owners[owner{path[0], path[1]}]; team != "" && team == value.team {
		return layerOwn
	}
	return layerShared
}

// isFillable reports whether a node has no value yet and may get a default.
func (f *filler) isFillable(node *wire.Node) bool {
	o, waiting := f.incomplete[node]
	if !waiting {
		return false
	}
	for _, c := range o.conjuncts {
		if c.role == wire.RoleCUEDefault {
			return false
		}
	}
	return o.value.IncompleteKind() != cue.BottomKind
}

// field adds a field to a struct that lacks it, if there is a default.
func (f *filler) field(node *wire.Node, structure *schema.Struct, name string, defaults *defaultNode, path []string) {
	below := get(node, name)
	if below != nil && !f.isFillable(below) {
		return
	}
	var schemaDefault *wire.Node
	if field := structure.Fields[name]; field != nil {
		schemaDefault = field.Default(f.request.Engine)
	}
	value, ok := f.strongest(defaults, schemaDefault, path)
	switch {
	case !ok:
		if below != nil {
			f.silence(below)
			delete(f.incomplete, below)
		}
		return
	case value == nil:
		f.newStruct(node, below, structure.At(name), name, defaults, path)
		return
	}
	if below == nil {
		set(node, name, value)
		f.filled = append(f.filled, addition{path, value, true})
		return
	}
	o := f.incomplete[below]
	if o.required && value.Origins[0].Role == wire.RoleSchema {
		// A fragment requires the field; the schema's default is not good enough.
		return
	}
	if !f.satisfies(value, o, path) {
		f.silence(below)
		delete(f.incomplete, below)
		return
	}
	value.Origins = append(value.Origins, below.Origins...)
	*below = *value
	delete(f.incomplete, below)
	f.filled = append(f.filled, addition{path, below, true})
}

// newStruct adds a struct that nobody wrote, if there are defaults below it and
// nothing required would be missing.
func (f *filler) newStruct(node, below *wire.Node, shape *schema.Shape, name string, defaults *defaultNode, path []string) {
	if shape == nil || shape.Struct == nil || below != nil {
		return
	}
	made := &wire.Node{Kind: wire.Struct}
	before := len(f.filled)
	f.fields(made, shape, defaults, path)
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

// strongest returns the value of the strongest layer, with the origins of the
// weaker ones after its own. It returns nil if there is none, and false if the
// strongest layer has two values.
func (f *filler) strongest(defaults *defaultNode, schemaDefault *wire.Node, path []string) (*wire.Node, bool) {
	var layers [layerOwn + 1][]*wire.Node
	if defaults != nil {
		for _, value := range defaults.values {
			layer := f.layer(value, path)
			layers[layer] = append(layers[layer], value.node)
		}
	}
	if schemaDefault != nil {
		origin := schemaDefault.Origins[0]
		own := *schemaDefault
		own.Origins = []wire.Origin{{Span: f.ofSchema(origin.Span), Role: wire.RoleSchema, By: origin.By + len(f.request.Files)}}
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
				f.reportTwoDefaults(layers[layer], path)
				return nil, false
			}
			chosen.Origins = append(chosen.Origins, value.Origins...)
		}
	}
	return chosen, true
}

// reportTwoDefaults reports two different defaults of one layer.
func (f *filler) reportTwoDefaults(values []*wire.Node, path []string) {
	e := wire.Fault{Detail: wire.EqualDefaults{}, Path: path}
	for _, value := range values {
		for _, o := range value.Origins {
			e = e.At(o.Span, o.Role)
		}
	}
	f.report(e)
}

// satisfies reports whether a default satisfies the constraints of its field.
func (f *filler) satisfies(value *wire.Node, o incomplete, path []string) bool {
	defaults := context.BuildExpr(expression(value))
	if result := defaults.Unify(o.value); result.Err() == nil && result.IsConcrete() {
		return true
	}
	against := violated(defaults, o.conjuncts)
	detail := wire.DefaultRuledOut{Expected: expectedBy(against), Actual: actual(path, defaults)}
	e := wire.Fault{Detail: detail, Path: path}.At(value.Origins[0].Span, value.Origins[0].Role)
	for _, c := range against {
		e = e.At(c.span, c.role)
	}
	f.report(e)
	return false
}
