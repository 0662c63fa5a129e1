package schema

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// Shape is the type of a field: a scalar, a list, a struct, or a choice of these.
type Shape struct {
	// Kinds has every kind that is accepted.
	Kinds cue.Kind
	// Plain is set if every scalar of these kinds is accepted.
	Plain bool
	// Scalar is the constraint on scalars that CUE compiled.
	Scalar cue.Value
	// Bounds is the same constraint as the schema writes it, for messages.
	Bounds wire.Expected
	// Options has the accepted strings if the schema lists them.
	Options []string
	// Struct has the fields of a struct; nil if none is accepted.
	Struct *Struct
	// Elem is the shape of a list's elements; nil if no list is accepted.
	Elem *Shape
	// Span is the span of the type in the schema.
	Span wire.Span
}

// Struct has the fields of a struct and the rules about them.
type Struct struct {
	// Fields has the fields with a fixed name.
	Fields map[string]*Field
	// Names has their names in the schema's order.
	Names []string
	// Pattern is the shape of all other fields; nil if there may be none.
	Pattern *Shape
	// Alternatives lists groups of fields that exclude each other.
	Alternatives [][][]string
	// Overrides lists groups of fields that replace each other in an overlay.
	Overrides [][][]string
	// Together lists groups of fields that are only valid together.
	Together [][]string
	// OneOf lists groups of fields of which one is required.
	OneOf [][]string
	// Parity has the verdicts of the engines on its fields.
	Parity []Parity

	spellings []Spelling
}

// Field is a field with a fixed name.
type Field struct {
	Name     string
	Shape    *Shape
	Required bool
	// Component is set if the fields below it are components.
	Component bool
	// Data is set if the fields below it are data with arbitrary keys. In a
	// helper, whose path is unknown, a field counts as data only inside a field
	// that DataIn names, unless DataIn is empty.
	Data   bool
	DataIn []string
	// Opaque is set if the fields below it are an engine's own objects.
	Opaque bool
	// Same is the path of the field's other spelling.
	Same []string
	// Short has the paths that the field is short for.
	Short [][]string
	// For names the fields whose entries have a field of this name.
	For []string
	// defaults has the default of each engine, and under the empty name one that
	// holds for all.
	defaults map[string]*wire.Node
	// Span is the span of the label.
	Span wire.Span
}

// Default returns the schema's default on an engine, or nil if there is none.
func (f *Field) Default(engine string) *wire.Node {
	if node := f.defaults[engine]; node != nil {
		return node
	}
	return f.defaults[""]
}

// At returns the shape of a field, or nil if the schema does not have it.
func (s *Struct) At(name string) *Shape {
	if field := s.Fields[name]; field != nil {
		return field.Shape
	}
	return s.Pattern
}

// Excluded returns a present field that excludes the named one as its
// alternative.
func (s *Struct) Excluded(name string, present func(string) bool) (string, bool) {
	for _, groups := range s.Alternatives {
		own := -1
		for at, group := range groups {
			for _, member := range group {
				if member == name {
					own = at
				}
			}
		}
		if own < 0 {
			continue
		}
		for at, group := range groups {
			for _, member := range group {
				if at != own && present(member) {
					return member, true
				}
			}
		}
	}
	return "", false
}

// definition returns the shape of a definition.
func (s *Schema) definition(name string) *Shape {
	if shape := s.shapes[name]; shape != nil {
		return shape
	}
	field := s.definitions[name]
	if field == nil {
		panic("the schema has no " + name)
	}
	shape := &Shape{}
	s.shapes[name] = shape
	*shape = *s.shape(field.Value)
	return shape
}

// shape reads a type of the schema.
func (s *Schema) shape(expr ast.Expr) *Shape {
	shape := &Shape{Span: s.span(expr)}
	var scalars []ast.Expr
	for _, branch := range branches(expr) {
		scalars = append(scalars, s.branch(shape, branch)...)
	}
	if len(scalars) > 0 {
		s.scalar(shape, scalars)
	}
	return shape
}

// branches splits a disjunction.
func branches(expr ast.Expr) []ast.Expr {
	if binary, ok := expr.(*ast.BinaryExpr); ok && binary.Op == token.OR {
		return append(branches(binary.X), branches(binary.Y)...)
	}
	return []ast.Expr{expr}
}

// branch adds one branch of a disjunction to a shape, and returns its scalars.
func (s *Schema) branch(shape *Shape, expr ast.Expr) []ast.Expr {
	switch expr := expr.(type) {
	case *ast.StructLit:
		shape.Kinds |= cue.StructKind
		shape.Struct = s.structure(expr)
		return nil
	case *ast.ListLit:
		shape.Kinds |= cue.ListKind
		if rest, ok := expr.Elts[0].(*ast.Ellipsis); ok {
			shape.Elem = s.shape(rest.Type)
		}
		return nil
	case *ast.Ident:
		if !strings.HasPrefix(expr.Name, "#") {
			return []ast.Expr{expr}
		}
		inner := s.definition(expr.Name)
		if inner.Struct != nil {
			shape.Struct = inner.Struct
			shape.Kinds |= cue.StructKind
			if inner.Kinds == cue.StructKind {
				return nil
			}
		}
		if inner.Elem != nil {
			shape.Elem = inner.Elem
			shape.Kinds |= cue.ListKind
		}
		var scalars []ast.Expr
		for _, branch := range branches(s.definitions[expr.Name].Value) {
			scalars = append(scalars, s.branch(&Shape{}, branch)...)
		}
		return scalars
	default:
		return []ast.Expr{expr}
	}
}

// scalar reads the scalar branches of a type.
func (s *Schema) scalar(shape *Shape, exprs []ast.Expr) {
	plain := true
	var texts []string
	for _, expr := range exprs {
		text, err := format.Node(expr)
		if err != nil {
			panic(err)
		}
		texts = append(texts, string(text))
		shape.Bounds = append(shape.Bounds, BoundsOf(expr)...)
		if _, ok := expr.(*ast.Ident); !ok {
			plain = false
		}
		if lit, ok := expr.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if option, err := literal.Unquote(lit.Value); err == nil {
				shape.Options = append(shape.Options, option)
			}
		}
	}
	source := strings.Join(texts, " | ")
	value := s.context.CompileString(source, cue.Scope(s.value))
	if value.Err() != nil {
		panic(fmt.Sprintf("%s: %v", source, value.Err()))
	}
	shape.Scalar = value
	shape.Kinds |= value.IncompleteKind()
	shape.Plain = plain
}

// structure reads a struct of the schema.
func (s *Schema) structure(lit *ast.StructLit) *Struct {
	out := &Struct{Fields: map[string]*Field{}}
	for _, decl := range lit.Elts {
		switch decl := decl.(type) {
		case *ast.Attribute:
			if key, body := decl.Split(); key == "parity" {
				out.addParity(s.parity(body))
			} else {
				out.attribute(decl)
			}
		case *ast.EmbedDecl:
			out.embed(s.definition(decl.Expr.(*ast.Ident).Name).Struct)
		case *ast.Field:
			if _, pattern := decl.Label.(*ast.ListLit); pattern {
				out.Pattern = s.shape(decl.Value)
				continue
			}
			field := s.field(decl)
			if pattern := patternOf(decl.Value); pattern != nil {
				field.Shape.Span = s.span(decl.Value)
				field.Shape.Span.End = s.span(pattern.Value).End
			}
			out.Fields[field.Name] = field
			out.Names = append(out.Names, field.Name)
		}
	}
	return out
}

// patternOf returns the field of a map, `[string]: T`, or nil for anything else.
func patternOf(expr ast.Expr) *ast.Field {
	if lit, ok := expr.(*ast.StructLit); ok && len(lit.Elts) == 1 {
		if field, ok := lit.Elts[0].(*ast.Field); ok {
			if _, pattern := field.Label.(*ast.ListLit); pattern {
				return field
			}
		}
	}
	return nil
}

// embed adds the fields and rules of an embedded definition.
func (s *Struct) embed(other *Struct) {
	for _, name := range other.Names {
		s.Fields[name] = other.Fields[name]
	}
	s.Names = append(s.Names, other.Names...)
	s.Alternatives = append(s.Alternatives, other.Alternatives...)
	s.Overrides = append(s.Overrides, other.Overrides...)
	s.Together = append(s.Together, other.Together...)
	s.OneOf = append(s.OneOf, other.OneOf...)
	s.addParity(other.Parity)
}

// field reads a field and its attributes.
func (s *Schema) field(decl *ast.Field) *Field {
	name, _, err := ast.LabelName(decl.Label)
	if err != nil {
		panic(err)
	}
	field := &Field{
		Name:     name,
		Shape:    s.shape(decl.Value),
		Required: decl.Constraint == token.NOT,
		Span:     s.span(decl.Label),
	}
	attributes := decl.Attrs
	if pattern := patternOf(decl.Value); pattern != nil {
		// An attribute of `x?: [string]: T` belongs to the pattern, for CUE.
		attributes = append(attributes, pattern.Attrs...)
	}
	for _, attribute := range attributes {
		switch key, body := attribute.Split(); key {
		case "default":
			field.defaults = s.defaults(body, s.span(decl))
		case "component":
			field.Component = true
		case "data":
			field.Data = true
			if body != "" {
				field.DataIn = strings.Split(body, ",")
			}
		case "opaque":
			field.Opaque = true
		case "same":
			field.Same = strings.Split(body, ".")
		case "short":
			for _, path := range strings.Split(body, ",") {
				field.Short = append(field.Short, strings.Split(path, "."))
			}
		case "for":
			field.For = strings.Split(body, ",")
		default:
			panic("the schema has an unknown attribute @" + key)
		}
	}
	return field
}

// defaults reads the body of a `@default`: one value, or one per engine as in
// `docker="10s",kubernetes="30s"`.
func (s *Schema) defaults(body string, span wire.Span) map[string]*wire.Node {
	defaults := map[string]*wire.Node{}
	value := s.context.CompileString("value: _ @default(" + body + ")")
	attribute := value.LookupPath(cue.ParsePath("value")).Attribute("default")
	for argument := range attribute.Args(0) {
		defaults[argument.Key] = s.scalarNode(argument.Value, span)
	}
	return defaults
}

// scalarNode reads the value of a `@default`.
func (s *Schema) scalarNode(body string, span wire.Span) *wire.Node {
	value := s.context.CompileString(body)
	node := &wire.Node{Origins: []wire.Origin{{Span: span, Role: wire.RoleSchema, By: span.File}}}
	switch value.Kind() {
	case cue.BoolKind:
		node.Kind = wire.Bool
		node.Bool, _ = value.Bool()
	case cue.StringKind:
		node.Kind = wire.String
		node.Text, _ = value.String()
	case cue.IntKind:
		node.Kind = wire.Number
		node.Text = body
	default:
		panic("a default that is not a scalar: " + body)
	}
	return node
}

// literalOf returns a default as a CUE literal.
func literalOf(node *wire.Node) ast.Expr {
	switch node.Kind {
	case wire.Bool:
		return ast.NewBool(node.Bool)
	case wire.String:
		return ast.NewString(node.Text)
	}
	return ast.NewLit(token.INT, node.Text)
}

// attribute reads an attribute of a struct.
func (s *Struct) attribute(attribute *ast.Attribute) {
	switch key, body := attribute.Split(); key {
	case "alternatives":
		s.Alternatives = append(s.Alternatives, groupsOf(body))
	case "overrides":
		s.Overrides = append(s.Overrides, groupsOf(body))
	case "together":
		s.Together = append(s.Together, strings.Split(body, ","))
	case "oneof":
		s.OneOf = append(s.OneOf, strings.Split(body, ","))
	}
}

// groupsOf splits the body of an attribute into groups of alternatives: `a|b,c`.
func groupsOf(body string) (groups [][]string) {
	for _, group := range strings.Split(body, ",") {
		groups = append(groups, strings.Split(group, "|"))
	}
	return groups
}

// Below returns the shape at a path below another one, or nil if the schema does
// not have it.
func (s *Shape) Below(names ...string) *Shape {
	for _, name := range names {
		if s == nil || s.Struct == nil {
			return nil
		}
		s = s.Struct.At(name)
	}
	return s
}
