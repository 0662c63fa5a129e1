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

// Shape is what may stand in one place: a scalar, a list, a struct, or several
// of these.
type Shape struct {
	// Kinds are all kinds that are accepted.
	Kinds cue.Kind
	// Plain says that every scalar of these kinds is accepted.
	Plain bool
	// Scalar is what a scalar has to be, unless every one will do.
	Scalar cue.Value
	// Bounds are what the schema writes about a scalar.
	Bounds wire.Expected
	// Options are the texts that a scalar may be, where it is one of a few.
	Options []string
	// Struct is what a struct may hold.
	Struct *Struct
	// Elem is what the elements of a list may be.
	Elem *Shape
	// Span is the schema's line.
	Span wire.Span
}

// Struct is what a struct may hold.
type Struct struct {
	// Fields are the fields with a name of their own.
	Fields map[string]*Field
	// Names are their names in the schema's order.
	Names []string
	// Pattern is the shape of all others.
	Pattern *Shape
	// Alternatives lists groups of fields that exclude each other.
	Alternatives [][][]string
	// Overrides lists groups of fields that replace each other in an overlay.
	Overrides [][][]string
	// Together lists fields of which each needs the others.
	Together [][]string
	// OneOf lists fields of which one is required.
	OneOf [][]string
	// Parity says how the engines honour its fields.
	Parity []Parity

	spellings []Spelling
}

// Field is a field with a name.
type Field struct {
	// Name of the field.
	Name string
	// Shape of its value.
	Shape *Shape
	// Required says that it must be set.
	Required bool
	// Component says that the fields below it are components.
	Component bool
	// Data says that the fields below it are data, with keys of any form; in
	// helpers, where it is inside one of DataIn, if there are any.
	Data   bool
	DataIn []string
	// Opaque says that the fields below it are objects of an engine.
	Opaque bool
	// Same is the path of another spelling of the field's value.
	Same []string
	// Short are the paths that the field stands for unless they are written.
	Short [][]string
	// For are the fields in each of which it is the field of its name.
	For []string
	// defaults holds the default by engine; under the empty name that of every engine.
	defaults map[string]*wire.Node
	// Span is the field's label.
	Span wire.Span
}

// Default returns the schema's default on an engine; nil where it has none.
func (f *Field) Default(engine string) *wire.Node {
	if node := f.defaults[engine]; node != nil {
		return node
	}
	return f.defaults[""]
}

// At is the shape of the field of that name; nil where the schema has none.
func (s *Struct) At(name string) *Shape {
	if field := s.Fields[name]; field != nil {
		return field.Shape
	}
	return s.Pattern
}

// Excluded says which present field keeps the named one out, as its alternative.
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

// branch adds one branch of a disjunction, and returns it where it is a scalar.
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

// patternOf is the only field of a map, `[string]: T`; nil of anything else.
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

// embed adds what an embedded definition holds.
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

// defaults reads the body of a `@default`: one value, or one for each engine
// as in `docker="10s",kubernetes="30s"`.
func (s *Schema) defaults(body string, span wire.Span) map[string]*wire.Node {
	defaults := map[string]*wire.Node{}
	value := s.context.CompileString("value: _ @default(" + body + ")")
	attribute := value.LookupPath(cue.ParsePath("value")).Attribute("default")
	for argument := range attribute.Args(0) {
		defaults[argument.Key] = s.soft(argument.Value, span)
	}
	return defaults
}

// soft reads the value of a `@default`.
func (s *Schema) soft(body string, span wire.Span) *wire.Node {
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

// literalOf is a default as CUE writes it.
func literalOf(node *wire.Node) ast.Expr {
	switch node.Kind {
	case wire.Bool:
		return ast.NewBool(node.Bool)
	case wire.String:
		return ast.NewString(node.Text)
	}
	return ast.NewLit(token.INT, node.Text)
}

// attribute reads `@alternatives`, `@together` and `@oneof`.
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

func groupsOf(body string) (groups [][]string) {
	for _, group := range strings.Split(body, ",") {
		groups = append(groups, strings.Split(group, "|"))
	}
	return groups
}

// Below is the shape at the end of a chain of names; nil where the schema has
// none.
func (s *Shape) Below(names ...string) *Shape {
	for _, name := range names {
		if s == nil || s.Struct == nil {
			return nil
		}
		s = s.Struct.At(name)
	}
	return s
}
