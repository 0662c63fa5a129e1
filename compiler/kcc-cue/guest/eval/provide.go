package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// provide adds to each backing what the recipe of its kind makes of it.
func (w *walker) provide(tree *wire.Node) {
	own := w.ownKinds(tree)
	all := get(tree, "backing")
	if all == nil || all.Kind != wire.Struct {
		return
	}
	for _, field := range all.Fields {
		if field.Node.Kind != wire.Struct || w.silent[field.Node] {
			continue
		}
		kind := get(field.Node, "kind")
		if kind == nil || kind.Kind != wire.String {
			continue
		}
		if recipe, ok := own[kind.Text]; ok {
			w.provideOwn(tree, field.Name, recipe)
		} else if recipe := shipped.Kinds[kind.Text]; recipe != nil {
			w.checkVersion(field.Name, field.Node, recipe)
			w.provideBuiltIn(tree, field.Name, field.Node, recipe)
		} else if !w.isPartial(tree.Origins) {
			w.unknownKind(field.Name, kind, own)
		}
	}
}

// input is what a recipe gets, with the origins of what the backing writes
// itself.
type input struct {
	expr  *ast.StructLit
	lines map[string][]wire.Origin
	usual usual
}

// usual returns what a kind gives an input that the backing leaves out; nothing if
// its recipe has a value for it already, or if the kind says nothing.
type usual func(input string) (value ast.Expr, stated bool)

func (i *input) give(name string, value ast.Expr, from *wire.Node) {
	i.expr.Elts = append(i.expr.Elts, namedField(name, value))
	if from != nil {
		i.lines[name] = from.Origins
	}
}

// giveNode gives a field the value of a node, else what is usual for the kind, else
// a fallback.
func (i *input) giveNode(name string, node *wire.Node, kind wire.Kind, fallback ast.Expr) {
	if node != nil && node.Kind == kind {
		i.give(name, expression(present(node)), node)
		return
	}
	value, stated := i.usual(name)
	if value == nil && !stated {
		value = fallback
	}
	if value != nil {
		i.give(name, value, nil)
	}
}

// checkVersion reports a version that the recipe of a kind does not support: the
// image's user, directories or entry point would differ. An external backing has
// no image.
func (r *reporter) checkVersion(name string, backing *wire.Node, kind *schema.Kind) {
	version := get(backing, "version")
	external := get(backing, "external")
	outside := external != nil && external.Kind == wire.Struct
	if version == nil || version.Kind != wire.String || outside || kind.Fits(version.Text) {
		return
	}
	unknown := wire.UnknownVersion{Kind: kind.Name, Version: version.Text, Candidates: kind.Versions}
	e := wire.Fault{Detail: unknown, Path: []string{"backing", name, "version"}}
	for _, o := range version.Origins {
		e = e.At(o.Span, o.Role)
	}
	r.report(e)
}

func (w *walker) provideBuiltIn(tree *wire.Node, name string, backing *wire.Node, kind *schema.Kind) {
	usual := func(input string) (ast.Expr, bool) {
		if preset := kind.Defaults[input]; preset != nil {
			return expression(preset), true
		}
		return nil, false
	}
	in, outside := inputOf(name, backing, usual, kind.Fits)
	w.checkRead(name, backing, recipeFacts{name: kind.Name, reads: kind.Reads, scripts: kind.InitScripts}, outside)
	made := kind.Recipe.FillPath(cue.ParsePath("in"), context.BuildExpr(in.expr))
	set(backing, "outputs", w.recipe(made.LookupPath(cue.ParsePath("outputs")), in))
	if !outside {
		component := w.recipe(made.LookupPath(cue.ParsePath("component")), in)
		w.addOwn(name, backing, component, kind.Name, kind.InitScripts)
		w.inferNeedsOf(tree, component, shipped.Component, name)
		set(backing, "component", component)
	}
}

// inputOf returns what a recipe gets of a backing, and whether the backing runs
// outside the system. What neither the backing nor the kind gives is left out. An
// unsupported version is replaced by the default one, so that it causes no
// further errors.
func inputOf(name string, backing *wire.Node, usual usual, fits func(string) bool) (*input, bool) {
	in := &input{expr: &ast.StructLit{}, lines: map[string][]wire.Origin{}, usual: usual}
	external := get(backing, "external")
	outside := external != nil && external.Kind == wire.Struct
	if !outside {
		external = nil
	}
	in.give("name", ast.NewString(name), nil)
	secret := at(backing, "password", "secret")
	if secret != nil && secret.Kind == wire.String {
		in.give("secret", ast.NewString(secret.Text), secret)
	} else {
		in.give("secret", ast.NewString(name+"-password"), nil)
	}
	in.give("named", ast.NewBool(secret != nil && secret.Kind == wire.String), secret)
	in.give("outside", ast.NewBool(outside), nil)
	version := get(backing, "version")
	if version != nil && version.Kind == wire.String && !fits(version.Text) {
		version = nil
	}
	in.giveNode("version", version, wire.String, nil)
	in.giveNode("size", declared(get(backing, "size")), wire.String, ast.NewString("1Gi"))
	if host := get(external, "host"); host != nil && host.Kind == wire.String {
		in.give("host", ast.NewString(host.Text), host)
	} else {
		in.give("host", ast.NewString(name), nil)
	}
	for _, field := range []string{"username", "database"} {
		node := get(external, field)
		if node == nil {
			node = get(backing, field)
		}
		in.giveNode(field, node, wire.String, ast.NewString(name))
	}
	in.giveNode("port", get(external, "port"), wire.Number, nil)
	in.giveNode("tls", declared(get(external, "tls")), wire.Bool, ast.NewBool(false))
	in.giveNode("args", get(backing, "args"), wire.List, &ast.ListLit{})
	for _, field := range []string{"env", "volumes"} {
		in.giveNode(field, get(backing, field), wire.Struct, &ast.StructLit{})
	}
	if resources := get(backing, "resources"); resources != nil && resources.Kind == wire.Struct {
		in.give("resources", expression(present(resources)), resources)
	}
	return in, outside
}

// declared returns a node unless it has only the schema's default.
func declared(node *wire.Node) *wire.Node {
	if node == nil || !slices.ContainsFunc(node.Origins, func(o wire.Origin) bool { return o.Role != wire.RoleSchema }) {
		return nil
	}
	return node
}

// recipeFacts is what a recipe makes of fields that not every kind has.
type recipeFacts struct {
	name string
	// reads has the fields of `in` that it refers to.
	reads map[string]bool
	// scripts is the directory of scripts; empty if it has none.
	scripts string
	own     bool
}

// checkRead reports the fields of a backing that its recipe makes nothing of.
func (w *walker) checkRead(name string, backing *wire.Node, recipe recipeFacts, outside bool) {
	for _, field := range []string{"args", "database", "initScripts", "username"} {
		node := get(backing, field)
		if node == nil || node.Kind == wire.Absent || w.silent[node] || recipe.reads[field] {
			continue
		}
		server := field == "args" || field == "initScripts"
		if server && outside || field == "initScripts" && recipe.scripts != "" {
			continue
		}
		if !slices.ContainsFunc(node.Origins, func(o wire.Origin) bool { return o.Role != wire.RoleDefault }) {
			// A default is for the backings that have the field.
			continue
		}
		ignored := wire.IgnoredField{Kind: recipe.name, Name: field, Own: recipe.own}
		w.report(atOrigins(ignored, []string{"backing", name, field}, node.Origins))
	}
}

// atOrigins returns an error with the lines of a node.
func atOrigins(detail wire.Detail, path []string, origins []wire.Origin) wire.Fault {
	e := wire.Fault{Detail: detail, Path: path}
	for _, o := range origins {
		e = e.At(o.Span, o.Role)
	}
	return e
}

// addOwn adds to the component of a backing what the backing itself says of it:
// variables, which take precedence over those of the recipe, volumes, and scripts,
// which become files. They keep their origins.
func (w *walker) addOwn(name string, backing, component *wire.Node, kind, scripts string) {
	add := func(field, into string, label func(string) string, taken func(*wire.Node, wire.Field) bool) {
		node := get(backing, field)
		if node == nil || node.Kind != wire.Struct || w.silent[node] {
			return
		}
		all := get(component, into)
		if all == nil || all.Kind != wire.Struct {
			all = &wire.Node{Kind: wire.Struct, Origins: node.Origins}
			set(component, into, all)
		}
		for _, entry := range node.Fields {
			if entry.Node.Kind != wire.Absent && !w.silent[entry.Node] && !taken(all, entry) {
				set(all, label(entry.Name), entry.Node)
			}
		}
	}
	same := func(name string) string { return name }
	never := func(*wire.Node, wire.Field) bool { return false }
	add("env", "env", same, never)
	add("volumes", "volumes", same, func(all *wire.Node, entry wire.Field) bool {
		other := get(all, entry.Name)
		if other == nil || equal(other, entry.Node) {
			return false
		}
		taken := wire.TakenVolume{Kind: kind, Name: entry.Name}
		w.report(atOrigins(taken, []string{"backing", name, "volumes", entry.Name}, entry.Node.Origins))
		return true
	})
	if scripts != "" {
		directory := strings.TrimSuffix(scripts, "/") + "/"
		add("initScripts", "files", func(name string) string { return directory + name }, never)
	}
}

// equal reports whether two nodes have the same value, without fields that are only
// constrained.
func equal(a, b *wire.Node) bool { return same(present(a), present(b)) }

// recipe reads a part of a recipe. Its origins are the schema's, and those of the
// backing's own fields that it uses.
func (m *evaluation) recipe(v cue.Value, in *input) *wire.Node {
	node := &wire.Node{}
	source := v.Source()
	if span, ok := shipped.Span(source); ok {
		span = m.ofSchema(span)
		node.Origins = append(node.Origins, wire.Origin{Span: span, Role: wire.RoleSchema, By: span.File})
	}
	switch v.IncompleteKind() {
	case cue.StructKind:
		node.Kind = wire.Struct
		for iter, err := v.Fields(); err == nil && iter.Next(); {
			set(node, iter.Selector().Unquoted(), m.recipe(iter.Value(), in))
		}
		return node
	case cue.ListKind:
		node.Kind = wire.List
		for iter, err := v.List(); err == nil && iter.Next(); {
			node.Items = append(node.Items, m.recipe(iter.Value(), in))
		}
		return node
	}
	put(node, v)
	if field, ok := source.(*ast.Field); ok {
		node.Origins = append(in.origins(field.Value), node.Origins...)
	}
	return node
}

// origins returns the origins of the fields of `in` that an expression refers to.
func (i *input) origins(expr ast.Expr) []wire.Origin {
	var out []wire.Origin
	ast.Walk(expr, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			if name, _, err := ast.LabelName(selector.Sel); err == nil {
				out = merge(out, i.lines[name])
			}
		}
		return true
	}, nil)
	return out
}

// present returns a struct without the fields that are only constrained.
func present(node *wire.Node) *wire.Node {
	out := &wire.Node{Kind: node.Kind, Bool: node.Bool, Text: node.Text}
	for _, item := range node.Items {
		out.Items = append(out.Items, present(item))
	}
	for _, field := range node.Fields {
		if field.Node.Kind != wire.Absent {
			out.Fields = append(out.Fields, wire.Field{Name: field.Name, Node: present(field.Node)})
		}
	}
	return out
}
