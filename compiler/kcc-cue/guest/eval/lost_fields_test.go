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
services: api: {args: ["run", "-v"], env: *{B: "2"} | {C: "3"}}
_jobs
defaults: services: [string]: replicas: 2
policies: few: {message: "few", require: services: [string]: {replicas: <5, if stateful {replicas: 1}}}
`},
	}}
	m := newEvaluation(req, syntax.Prepare(req))
	w, tree, _, _ := evaluate(m)
	w.checkPolicies(tree)
	w.provide(tree)
	if lost := m.unaccounted(); len(lost) > 0 {
		t.Fatalf("nothing was lost, but %v is reported", lost)
	}
	removed := 0
	for node := range m.used {
		field, ok := node.(*ast.Field)
		site := m.index.sites[field]
		if !ok || site == nil || site.root() == systemField || m.prepared.IsGenerated(site.root()) || shipped.Root.Struct.At(site.name) != nil {
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
	elements := 0
	for _, file := range m.prepared.Files {
		ast.Walk(file.AST, func(node ast.Node) bool {
			list, ok := node.(*ast.ListLit)
			if !ok {
				return true
			}
			for _, element := range list.Elts {
				if !m.used[element] {
					continue
				}
				delete(m.used, element)
				lost := m.unaccounted()
				if span, _ := m.span(element); len(lost) != 1 || lost[0].Labels[0].Span != span {
					t.Errorf("an element was lost, but %v is reported", lost)
				}
				m.used[element] = true
				elements++
			}
			return true
		}, nil)
	}
	if elements != 2 {
		t.Errorf("%d elements were lost", elements)
	}
	// A block that is applied without what it says.
	m.used = map[ast.Node]bool{}
	a := &fieldAudit{evaluation: m.evaluation, followed: map[*ast.Field]bool{}}
	for _, block := range m.defaultsBlocks() {
		a.rule(context.CompileString("{}"), block.exprs)
	}
	for i := range m.prepared.Policies {
		a.rule(context.CompileString("{}"), m.prepared.Policies[i].Require)
	}
	if len(a.lost) != 2 {
		t.Errorf("two blocks were lost, but %v is reported", a.lost)
	}
}
