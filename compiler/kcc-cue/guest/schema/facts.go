package schema

import (
	"slices"
	"sync"

	"cuelang.org/go/cue/cuecontext"
)

// Shipped returns the schema that is built into the program.
var Shipped = sync.OnceValue(func() *Schema { return Load(cuecontext.New()) })

// facts has what the schema says about fields by their names alone. The syntax
// passes read a helper before its path in the model is known.
type facts struct {
	root, blocks, components []string
	maps, opaque             map[string]bool
	// data maps the name of a map of data to the fields that it has to be inside
	// of; none if it is one anywhere.
	data map[string][]string
}

func (s *Schema) readFacts() {
	f := &s.facts
	f.maps, f.opaque, f.data = map[string]bool{}, map[string]bool{}, map[string][]string{}
	f.blocks = slices.Sorted(slices.Values(s.definition("#Blocks").Struct.Names))
	f.root = slices.Sorted(slices.Values(append(slices.Clone(s.Root.Struct.Names), f.blocks...)))
	for _, name := range s.Root.Struct.Names {
		if s.Root.Struct.Fields[name].Component {
			f.components = append(f.components, name)
		}
	}
	for name := range s.definitions {
		shape := s.definition(name)
		if shape.Struct == nil {
			continue
		}
		shape.Struct.spellings = shape.Struct.findSpellings()
		for name, field := range shape.Struct.Fields {
			if of := field.Shape.Struct; of != nil && of.Pattern != nil && name != "ports" {
				f.maps[name] = true
			}
			if field.Opaque {
				f.opaque[name] = true
			}
			if field.Data {
				f.data[name] = field.DataIn
			}
		}
	}
}

// RootFields returns the fields that a system may have at its root, except
// definitions and hidden fields, in alphabetical order.
func (s *Schema) RootFields() []string { return s.facts.root }

// BlockFields returns the root fields that are instructions to kcc rather than
// values.
func (s *Schema) BlockFields() []string { return s.facts.blocks }

// ComponentFields returns the root fields whose fields are components.
func (s *Schema) ComponentFields() []string { return s.facts.components }

// IsMap reports whether the fields below a field have user-chosen names. `ports`
// does not count, because helpers also use it for plain numbers.
func (s *Schema) IsMap(name string) bool { return s.facts.maps[name] }

// IsOpaque reports whether a field contains an engine's own objects, in which the
// names of the schema mean something else.
func (s *Schema) IsOpaque(name string) bool { return s.facts.opaque[name] }

// IsData reports whether a field inside another one is a map of data.
func (s *Schema) IsData(in, name string) bool {
	inside, ok := s.facts.data[name]
	return ok && (len(inside) == 0 || slices.Contains(inside, in))
}

// Spelling is a short path with the long ones that it stands for, relative to a
// component.
type Spelling struct {
	Short []string
	Long  [][]string
	// Both is set if the completed tree has both spellings.
	Both bool
}

// Spellings returns the fields of a struct, and of the structs directly below
// it, that have two spellings.
func (s *Struct) Spellings() []Spelling { return s.spellings }

func (s *Struct) findSpellings() []Spelling {
	spellings := s.spellingsAt(nil)
	for _, name := range s.Names {
		if inner := s.Fields[name].Shape.Struct; inner != nil && inner.Pattern == nil {
			spellings = append(spellings, inner.spellingsAt([]string{name})...)
		}
	}
	return spellings
}

func (s *Struct) spellingsAt(above []string) []Spelling {
	below := func(path ...string) []string { return append(slices.Clone(above), path...) }
	var spellings []Spelling
	for _, name := range s.Names {
		field := s.Fields[name]
		if field.Same != nil {
			spellings = append(spellings, Spelling{below(name), [][]string{below(field.Same...)}, true})
		}
		if field.Short != nil {
			spelling := Spelling{Short: below(name)}
			for _, path := range field.Short {
				spelling.Long = append(spelling.Long, below(path...))
			}
			spellings = append(spellings, spelling)
		}
	}
	return spellings
}
