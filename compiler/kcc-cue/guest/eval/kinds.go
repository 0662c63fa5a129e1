package eval

import (
	"maps"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// ownKinds reads the kinds of backing that fragments define and returns their
// recipes by name. Recipes are incomplete until a backing fills them in, so
// nothing incomplete in them is reported.
func (w *walker) ownKinds(tree *wire.Node) map[string]cue.Value {
	own := map[string]cue.Value{}
	all := w.root.LookupPath(cue.ParsePath(kindsField))
	if len(w.index.roots[kindsField]) == 0 || !all.Exists() {
		return own
	}
	unfilled := *w
	unfilled.unfilled = true
	node := unfilled.node(all, shipped.Root.Struct.At(kindsField), []string{kindsField}, nil)
	set(tree, kindsField, node)
	for _, kind := range node.Fields {
		if kind.Node.Kind == wire.Struct && !w.silent[kind.Node] {
			own[kind.Name] = all.LookupPath(cue.MakePath(cue.Str(kind.Name)))
		}
	}
	return own
}

// unknownKind reports a backing whose kind is not defined.
func (r *reporter) unknownKind(name string, kind *wire.Node, own map[string]cue.Value) {
	var candidates []string
	for known := range shipped.Kinds {
		candidates = append(candidates, known)
	}
	for known := range own {
		if shipped.Kinds[known] == nil {
			candidates = append(candidates, known)
		}
	}
	slices.Sort(candidates)
	unknown := wire.UnknownKind{Name: kind.Text, Candidates: candidates}
	e := wire.Fault{Detail: unknown, Path: []string{"backing", name, "kind"}}
	for _, o := range kind.Origins {
		e = e.At(o.Span, o.Role)
	}
	r.report(e)
}

// provideOwn adds to a backing what a team's own recipe makes of it. The result
// is checked against the schema like any component, at the recipe's lines.
func (w *walker) provideOwn(tree *wire.Node, name string, recipe cue.Value) {
	backing := at(tree, "backing", name)
	kind := get(backing, "kind").Text
	path := []string{kindsField, kind}
	takes := recipe.LookupPath(cue.ParsePath(inField))
	usual := func(input string) (ast.Expr, bool) {
		return nil, states(takes.LookupPath(cue.MakePath(cue.Str(input))))
	}
	in, outside := inputOf(name, backing, usual, func(string) bool { return true })
	scripts, _ := recipe.LookupPath(cue.ParsePath("initScripts")).String()
	facts := recipeFacts{name: kind, reads: w.inputsOf(recipe), scripts: scripts, own: true}
	w.checkRead(name, backing, facts, outside)
	if !w.accepts(in, name, backing, recipe, path, facts.reads) {
		return
	}
	made := recipe.FillPath(cue.ParsePath("in"), context.BuildExpr(in.expr))
	shape := shipped.Root.Struct.At(kindsField).Struct.Pattern
	node := w.node(made, shape, path, nil)
	if node.Kind != wire.Struct || w.silent[node] {
		return
	}
	if len(node.Origins) == 0 {
		node.Origins = at(tree, path...).Origins
	}
	node.Fields = slices.DeleteFunc(node.Fields, func(field wire.Field) bool { return field.Name == "in" })
	component := get(node, "component")
	if component != nil && component.Kind == wire.Struct && !w.silent[component] {
		w.joinRecipeSpellings(component, shape.Below("component"), child(path, "component"))
	}
	w.checkCompleteness(node, shape, path)
	if outputs := get(node, "outputs"); outputs != nil && !w.silent[outputs] {
		set(backing, "outputs", outputs)
	}
	if component != nil && !outside && !w.silent[component] {
		w.addOwn(name, backing, component, kind, scripts)
		w.useSizeOf(takes, backing, in, path)
		w.inferNeedsOf(tree, component, shape.Below("component"), name)
		set(backing, "component", component)
	}
}

// joinRecipeSpellings joins the two spellings of a recipe's fields.
func (w *walker) joinRecipeSpellings(component *wire.Node, shape *schema.Shape, path []string) {
	f := &filler{walker: w}
	for _, s := range shape.Struct.Spellings() {
		for _, long := range s.Long {
			f.joinSpelling(component, shape, path, s, long)
		}
	}
}

// accepts reports whether a backing satisfies the input of its kind; if not, it
// reports the lines of both.
func (w *walker) accepts(in *input, name string, backing *wire.Node, recipe cue.Value, path []string, reads map[string]bool) bool {
	takes := recipe.LookupPath(cue.ParsePath(inField))
	given := map[string]bool{}
	fine := true
	for _, elt := range in.expr.Elts {
		field := elt.(*ast.Field)
		input, _, _ := ast.LabelName(field.Label)
		given[input] = true
		wanted := takes.LookupPath(cue.MakePath(cue.Str(input)))
		if !wanted.Exists() {
			continue
		}
		value := context.BuildExpr(field.Value)
		if value.Unify(wanted).Err() == nil {
			continue
		}
		lines := w.conjuncts(wanted, append(path[:len(path):len(path)], inField, input), nil)
		at := inputPath(name, input, backing)
		if len(in.lines[input]) == 0 {
			// kcc's own default; nobody wrote the value.
			w.report(atOrigins(wire.MissingField{Name: input, Expected: expectedBy(lines)}, at, backing.Origins))
			fine = false
			continue
		}
		e := wire.Fault{Detail: wire.OutOfBounds{Expected: expectedBy(lines), Actual: actual(at, value)}, Path: at}
		for _, o := range in.lines[input] {
			e = e.At(o.Span, o.Role)
		}
		for _, c := range lines {
			e = e.At(c.span, wire.RoleConstraint)
		}
		w.report(e)
		fine = false
	}
	for _, input := range []string{"version", "port"} {
		wanted := takes.LookupPath(cue.MakePath(cue.Str(input)))
		if given[input] || !reads[input] || states(wanted) {
			continue
		}
		if input == "port" && get(backing, "external") == nil {
			// The recipe's own mistake: only the kind can know the port of what
			// runs in the system.
			continue
		}
		missing := wire.MissingField{Name: input, Expected: ofType(wire.TypeString)}
		if input == "port" {
			missing.Expected = ofType(wire.TypeInt)
		}
		e := wire.Fault{Detail: missing, Path: inputPath(name, input, backing)}
		for _, o := range backing.Origins {
			e = e.At(o.Span, o.Role)
		}
		w.report(e)
		fine = false
	}
	return fine
}

// inputPath returns where a backing writes an input of its kind.
func inputPath(name, input string, backing *wire.Node) []string {
	switch input {
	case "username", "database":
		if at(backing, "external", input) == nil {
			return []string{"backing", name, input}
		}
		return []string{"backing", name, "external", input}
	case "port", "host", "tls":
		return []string{"backing", name, "external", input}
	case "secret":
		return []string{"backing", name, "password", input}
	default:
		return []string{"backing", name, input}
	}
}

// inField is the field in which a recipe sees its backing.
const inField = "in"

// states reports whether what a kind says of an input is a value, or has a default.
func states(wanted cue.Value) bool {
	if !wanted.Exists() {
		return false
	}
	preset, has := wanted.Default()
	return (has || wanted.IsConcrete()) && preset.Validate(cue.Concrete(true)) == nil
}

// useSizeOf shows the size that a kind gives a backing that has none of its own, in
// place of the schema's default.
func (w *walker) useSizeOf(takes cue.Value, backing *wire.Node, in *input, path []string) {
	wanted := takes.LookupPath(cue.MakePath(cue.Str("size")))
	if declared(get(backing, "size")) != nil || !states(wanted) {
		return
	}
	preset, _ := wanted.Default()
	node := &wire.Node{}
	put(node, preset)
	for _, c := range w.conjuncts(wanted, append(path[:len(path):len(path)], inField, "size"), nil) {
		node.Origins = append(node.Origins, wire.Origin{Span: c.span, Role: c.role, By: c.by})
	}
	set(backing, "size", node)
}

// inputsOf returns the fields of `in` that a team's recipe refers to.
func (m *evaluation) inputsOf(recipe cue.Value) map[string]bool {
	read := map[string]bool{}
	for _, c := range m.conjuncts(recipe, []string{kindsField, ""}, nil) {
		maps.Copy(read, schema.InputsOf(c.expr))
	}
	return read
}
