package eval

import (
	"testing"

	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// TestLostFieldsAreReported removes each field of a fragment in turn from the
// fields that were read, as a bug would, and checks that it is reported at its
// line.
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
	m := newEvaluation(req, syntax.Prepare(req))
	w, tree, _, _ := evaluate(m)
	w.provide(tree)
	if lost := m.unaccounted(); len(lost) > 0 {
		t.Fatalf("nothing was lost, but %v is reported", lost)
	}
	removed := 0
	for node := range m.used {
		field, ok := node.(*ast.Field)
		site := m.index.sites[field]
		if !ok || site == nil || site.root() == systemField || shipped.Root.Struct.At(site.name) != nil {
			// Root fields have no origins in the tree.
			continue
		}
		before := m.used[field.Value]
		delete(m.used, field)
		delete(m.used, field.Value)
		lost := m.unaccounted()
		span, _ := m.span(field.Label)
		if len(lost) != 1 || lost[0].Labels[0].Span != span {
			t.Errorf("%v was lost, but %v is reported", field.Label, lost)
		}
		m.used[field], m.used[field.Value] = true, before
		removed++
	}
	if removed < 10 {
		t.Errorf("only %d fields were lost", removed)
	}
}
