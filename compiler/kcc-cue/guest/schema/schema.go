// Package schema reads kcc's schema: what may stand where, which fields have
// to be there, which have a default, and which exclude each other.
//
// The structure is read from the schema's syntax, so that it is known with the
// line of every field; CUE itself judges single values only. Nothing here knows
// a fragment.
package schema

import (
	"fmt"
	"io/fs"
	"sort"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
	"kcc.dev/schemas"
)

// Schema is kcc's schema, parsed and built.
type Schema struct {
	// Root is what all fragments together may say.
	Root *Shape
	// System is what the field `system` may say.
	System *Shape
	// Component is what a recipe makes of a backing.
	Component *Shape
	// Kinds are the recipes of backings by kind.
	Kinds map[string]*Kind

	files       []wire.SchemaFile
	places      map[*token.File]int
	value       cue.Value
	definitions map[string]*ast.Field
	shapes      map[string]*Shape
	context     *cue.Context
	facts       facts
}

// Context returns the context that the schema's values belong to.
func (s *Schema) Context() *cue.Context { return s.context }

// Files lists the schema's files, in the order that spans count them.
func Files() []wire.SchemaFile {
	var files []wire.SchemaFile
	err := fs.WalkDir(schemas.Files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := schemas.Files.ReadFile(path)
		files = append(files, wire.SchemaFile{Name: "schema/" + path, Text: string(text)})
		return err
	})
	if err != nil {
		panic(err)
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	return files
}

// Load parses and builds the schema. It panics where the schema is wrong: it
// is part of the program.
func Load(context *cue.Context) *Schema {
	s := &Schema{
		files:       Files(),
		places:      map[*token.File]int{},
		definitions: map[string]*ast.Field{},
		shapes:      map[string]*Shape{},
		Kinds:       map[string]*Kind{},
		context:     context,
	}
	instance := build.NewContext().NewInstance("", nil)
	var kinds []*ast.Field
	for index, file := range s.files {
		parsed, err := parser.ParseFile(file.Name, file.Text, parser.ParseComments)
		if err == nil {
			err = instance.AddSyntax(parsed)
		}
		if err != nil {
			panic(fmt.Sprintf("%s: %v", file.Name, err))
		}
		s.places[parsed.Pos().File()] = index
		for _, decl := range parsed.Decls {
			field, ok := decl.(*ast.Field)
			if !ok {
				continue
			}
			switch name, _, _ := ast.LabelName(field.Label); name {
			case "kinds":
				kinds = append(kinds, field)
			default:
				s.definitions[name] = field
			}
		}
	}
	s.value = context.BuildInstance(instance)
	if err := s.value.Err(); err != nil {
		panic(err)
	}
	s.Root = s.definition("#Root")
	s.System = s.definition("#System")
	s.Component = s.definition("#Service")
	for _, field := range kinds {
		s.addKind(field)
	}
	s.readFacts()
	return s
}

// Span is the place of a node of the schema, counted from the schema's first file.
func (s *Schema) Span(node ast.Node) (wire.Span, bool) {
	if node == nil || !node.Pos().IsValid() {
		return wire.Span{}, false
	}
	file, ok := s.places[node.Pos().File()]
	if !ok {
		return wire.Span{}, false
	}
	return wire.Span{File: file, Start: node.Pos().Offset(), End: node.End().Offset()}, true
}

func (s *Schema) span(node ast.Node) wire.Span {
	span, _ := s.Span(node)
	return span
}
