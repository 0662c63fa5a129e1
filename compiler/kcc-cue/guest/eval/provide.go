package eval

import (
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
			w.provideBuiltIn(field.Name, field.Node, recipe)
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
}

func (i *input) give(name string, value ast.Expr, from *wire.Node) {
	i.expr.Elts = append(i.expr.Elts, namedField(name, value))
	if from != nil {
		i.lines[name] = from.Origins
	}
}

// giveText gives a field the text of a node, or a fallback.
func (i *input) giveText(name string, node *wire.Node, fallback string) {
	if node != nil && node.Kind == wire.String {
		i.give(name, ast.NewString(node.Text), node)
	} else {
		i.give(name, ast.NewString(fallback), nil)
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
	e := wire.Error{Detail: unknown, Path: []string{"backing", name, "version"}}
	for _, o := range version.Origins {
		e = e.At(o.Span, o.Role)
	}
	r.report(e)
}

func (m *evaluation) provideBuiltIn(name string, backing *wire.Node, kind *schema.Kind) {
	in, outside := inputOf(name, backing, kind.Defaults, kind.Fits)
	made := kind.Recipe.FillPath(cue.ParsePath("in"), context.BuildExpr(in.expr))
	parts := []string{"outputs"}
	if !outside {
		parts = append(parts, "component")
	}
	for _, part := range parts {
		set(backing, part, m.recipe(made.LookupPath(cue.ParsePath(part)), in))
	}
}

// inputOf returns what a recipe gets of a backing, and whether the backing runs
// outside the system. What neither the backing nor the kind gives is left out. An
// unsupported version is replaced by the default one, so that it causes no
// further errors.
func inputOf(name string, backing *wire.Node, defaults map[string]*wire.Node, fits func(string) bool) (*input, bool) {
	in := &input{expr: &ast.StructLit{}, lines: map[string][]wire.Origin{}}
	external := get(backing, "external")
	outside := external != nil && external.Kind == wire.Struct
	if !outside {
		external = nil
	}
	in.give("name", ast.NewString(name), nil)
	secret := at(backing, "password", "secret")
	in.giveText("secret", secret, name+"-password")
	in.give("named", ast.NewBool(secret != nil && secret.Kind == wire.String), secret)
	in.give("outside", ast.NewBool(outside), nil)
	if version := get(backing, "version"); version != nil && version.Kind == wire.String && fits(version.Text) {
		in.give("version", ast.NewString(version.Text), version)
	} else if preset := defaults["version"]; preset != nil {
		in.give("version", ast.NewString(preset.Text), nil)
	}
	in.giveText("size", get(backing, "size"), "1Gi")
	in.giveText("host", get(external, "host"), name)
	in.giveText("username", get(external, "username"), name)
	in.giveText("database", get(external, "database"), name)
	if port := get(external, "port"); port != nil && port.Kind == wire.Number {
		in.give("port", number(port.Text), port)
	} else if preset := defaults["port"]; preset != nil {
		in.give("port", number(preset.Text), nil)
	}
	tls := get(external, "tls")
	in.give("tls", ast.NewBool(tls != nil && tls.Kind == wire.Bool && tls.Bool), tls)
	if resources := get(backing, "resources"); resources != nil && resources.Kind == wire.Struct {
		in.give("resources", expression(present(resources)), resources)
	}
	return in, outside
}

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
	out := &wire.Node{Kind: node.Kind, Bool: node.Bool, Text: node.Text, Items: node.Items}
	for _, field := range node.Fields {
		if field.Node.Kind != wire.Absent {
			out.Fields = append(out.Fields, wire.Field{Name: field.Name, Node: present(field.Node)})
		}
	}
	return out
}
