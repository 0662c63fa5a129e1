// Package schema reads kcc's schema: the fields of every definition with their
// types, defaults and rules.
//
// It takes the files of `schemas` and returns shapes, which later passes compare
// with the evaluated fragments. The structure comes from the schema's syntax, which
// gives every field its line; CUE compiles only the scalar types. This package
// knows nothing about fragments.
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
	// Root is the shape of all fragments together.
	Root *Shape
	// System is the shape of the field `system`.
	System *Shape
	// Component is the shape of the component that a recipe returns.
	Component *Shape
	// Kinds has the recipes of backings by kind.
	Kinds map[string]*Kind

	files       []wire.SchemaFile
	fileIndexes map[*token.File]int
	value       cue.Value
	definitions map[string]*ast.Field
	shapes      map[string]*Shape
	context     *cue.Context
	facts       facts
}

// Context returns the context that the schema's values belong to.
func (s *Schema) Context() *cue.Context { return s.context }

// Files returns the schema's files in the order in which spans number them.
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

// Load parses and builds the schema. It panics if the schema is invalid, because
// the schema is part of the program.
func Load(context *cue.Context) *Schema {
	s := &Schema{
		files:       Files(),
		fileIndexes: map[*token.File]int{},
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
		s.fileIndexes[parsed.Pos().File()] = index
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

// Span returns the span of a node of the schema. Files are numbered from the
// schema's first one.
func (s *Schema) Span(node ast.Node) (wire.Span, bool) {
	if node == nil || !node.Pos().IsValid() {
		return wire.Span{}, false
	}
	file, ok := s.fileIndexes[node.Pos().File()]
	if !ok {
		return wire.Span{}, false
	}
	return wire.Span{File: file, Start: node.Pos().Offset(), End: node.End().Offset()}, true
}

func (s *Schema) span(node ast.Node) wire.Span {
	span, _ := s.Span(node)
	return span
}
