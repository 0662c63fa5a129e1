package schema

import (
	"sort"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"
)

// Table is the schema as data for the crates that do not evaluate. It is checked
// in as a file of kcc-tree, which a test keeps up to date.
type Table struct {
	// StandIns has, by kind, what a kind does instead of the real service.
	StandIns map[string]string `json:"standIns"`
	// Definitions is sorted by name. Definitions that others embed are left out:
	// their fields are listed there.
	Definitions []TableDefinition `json:"definitions"`
}

// TableDefinition is a definition of the schema.
type TableDefinition struct {
	// Name is without `#`.
	Name string `json:"name"`
	// Text is its comment, as one paragraph.
	Text string `json:"text"`
	// Example is the fragment in its comment.
	Example string `json:"example"`
	// Is is its type, unless it is a struct.
	Is string `json:"is,omitempty"`
	// Fields has its own fields and those of the definitions that it embeds.
	Fields       []TableField `json:"fields,omitempty"`
	Alternatives [][][]string `json:"alternatives,omitempty"`
	Together     [][]string   `json:"together,omitempty"`
	OneOf        [][]string   `json:"oneOf,omitempty"`
	// Parity says how the engines honour its fields.
	Parity []TableParity `json:"parity,omitempty"`
}

// TableParity says how the engines honour what is at a path in a definition.
type TableParity struct {
	// Path has `*` for any name.
	Path string `json:"path"`
	// Engines holds the verdict of each engine that does not simply honour it.
	Engines map[string]Verdict `json:"engines,omitempty"`
}

// TableField is a field of a definition.
type TableField struct {
	// Name is empty for a pattern.
	Name     string `json:"name"`
	Required bool   `json:"required,omitempty"`
	// Open is set if the field is neither optional nor required.
	Open bool `json:"open,omitempty"`
	// Type is the type as the schema writes it.
	Type string `json:"type"`
	// Text is its comment, as one paragraph.
	Text string `json:"text"`
	// Defaults has the default of each engine, and under the empty name one that
	// holds for all.
	Defaults  map[string]string `json:"defaults,omitempty"`
	Component bool              `json:"component,omitempty"`
	Data      bool              `json:"data,omitempty"`
	Opaque    bool              `json:"opaque,omitempty"`
	Same      []string          `json:"same,omitempty"`
	Short     [][]string        `json:"short,omitempty"`
	For       []string          `json:"for,omitempty"`
}

// Table returns the schema as data.
func (s *Schema) Table() Table {
	table := Table{StandIns: map[string]string{}}
	for name, kind := range s.Kinds {
		if kind.StandIn != "" {
			table.StandIns[name] = kind.StandIn
		}
	}
	embedded := s.embedded()
	for name, field := range s.definitions {
		if embedded[name] {
			continue
		}
		table.Definitions = append(table.Definitions, s.tableDefinition(strings.TrimPrefix(name, "#"), field))
	}
	sort.Slice(table.Definitions, func(i, j int) bool {
		return table.Definitions[i].Name < table.Definitions[j].Name
	})
	return table
}

// embedded returns the names of the definitions that others embed.
func (s *Schema) embedded() map[string]bool {
	names := map[string]bool{}
	for _, field := range s.definitions {
		lit, ok := field.Value.(*ast.StructLit)
		for i := 0; ok && i < len(lit.Elts); i++ {
			if embedding, is := lit.Elts[i].(*ast.EmbedDecl); is {
				names[embedding.Expr.(*ast.Ident).Name] = true
			}
		}
	}
	return names
}

func (s *Schema) tableDefinition(name string, field *ast.Field) TableDefinition {
	text, example := documentation(field)
	definition := TableDefinition{Name: name, Text: text, Example: example}
	lit, ok := field.Value.(*ast.StructLit)
	if !ok {
		definition.Is = source(field.Value)
		return definition
	}
	definition.Fields = s.tableFields(lit)
	shape := s.definition("#" + name).Struct
	definition.Alternatives, definition.Together, definition.OneOf = shape.Alternatives, shape.Together, shape.OneOf
	for _, parity := range shape.Parity {
		definition.Parity = append(definition.Parity, TableParity(parity))
	}
	return definition
}

func (s *Schema) tableFields(lit *ast.StructLit) []TableField {
	var fields []TableField
	for _, decl := range lit.Elts {
		switch decl := decl.(type) {
		case *ast.EmbedDecl:
			embedded := s.definitions[decl.Expr.(*ast.Ident).Name]
			fields = append(fields, s.tableFields(embedded.Value.(*ast.StructLit))...)
		case *ast.Field:
			fields = append(fields, s.tableField(decl))
		}
	}
	return fields
}

func (s *Schema) tableField(decl *ast.Field) TableField {
	text, _ := documentation(decl)
	field := TableField{Text: text, Type: source(decl.Value)}
	if _, pattern := decl.Label.(*ast.ListLit); pattern {
		return field
	}
	read := s.field(decl)
	field.Name = read.Name
	field.Required = read.Required
	field.Open = decl.Constraint == token.ILLEGAL
	for engine, value := range read.defaults {
		if field.Defaults == nil {
			field.Defaults = map[string]string{}
		}
		field.Defaults[engine] = source(literalOf(value))
	}
	field.Component, field.Data, field.Opaque = read.Component, read.Data, read.Opaque
	field.Same, field.Short, field.For = read.Same, read.Short, read.For
	return field
}

// documentation splits a comment into its text, as one paragraph, and the example,
// which is indented by a tab.
func documentation(field *ast.Field) (text, example string) {
	var lines []string
	for _, group := range ast.Comments(field) {
		if !group.Doc {
			continue
		}
		for _, comment := range group.List {
			line := strings.TrimPrefix(strings.TrimPrefix(comment.Text, "//"), " ")
			if code, ok := strings.CutPrefix(line, "\t"); ok || example != "" {
				example += code + "\n"
			} else {
				lines = append(lines, line)
			}
		}
	}
	return strings.TrimSpace(strings.Join(lines, " ")), example
}

func source(expr ast.Expr) string {
	if pattern := patternOf(expr); pattern != nil {
		return source(pattern.Label.(*ast.ListLit)) + ": " + source(pattern.Value)
	}
	text, err := format.Node(expr)
	if err != nil {
		panic(err)
	}
	return string(text)
}
