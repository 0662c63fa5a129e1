package eval

import (
	"testing"

	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// TestLostFieldsAreReported forgets each field of a fragment in turn, as a bug in
// reading the model would: each is reported, where it is written.
func TestLostFieldsAreReported(t *testing.T) {
	Warm()
	req := &wire.Request{Version: wire.Version, Op: wire.OpModel, Target: "dev", Targets: []string{"dev"}, Files: []wire.File{
		{Name: "kcc.cue", Text: `package x

system: name: "x"

_web: {image: "x/web:1", env: A: "1"}
_jobs: jobs: seed: image: "x/seed:1"
services: web: _web & {labels: a: "1"}
services: "api": {image: "x/api:1", if target == "dev" {user: "1", labels: b: "2"}}
_jobs
`},
	}}
	m := newModel(req, syntax.Prepare(req))
	w, tree, _, _ := m.evaluate()
	m.provide(w, tree)
	if lost := m.unaccounted(); len(lost) > 0 {
		t.Fatalf("nothing was forgotten, and %v is reported", lost)
	}
	forgotten := 0
	for node := range m.taken {
		field, ok := node.(*ast.Field)
		place := m.lexicon.places[field]
		if !ok || place == nil || place.root() == systemField || shipped.Root.Struct.At(place.name) != nil {
			// Root fields have no lines in the tree.
			continue
		}
		before := m.taken[field.Value]
		delete(m.taken, field)
		delete(m.taken, field.Value)
		lost := m.unaccounted()
		span, _ := m.span(field.Label)
		if len(lost) != 1 || lost[0].Labels[0].Span != span {
			t.Errorf("%v was forgotten, and %v is reported", field.Label, lost)
		}
		m.taken[field], m.taken[field.Value] = true, before
		forgotten++
	}
	if forgotten < 10 {
		t.Errorf("only %d fields were forgotten", forgotten)
	}
}
