// Package eval evaluates prepared fragments and checks the result against kcc's
// schema.
//
// It takes a [syntax.Prepared] and returns a response: the configuration tree,
// its declarations, and errors as codes with spans and arguments. It reads no
// file and writes no sentence.
//
// CUE unifies the fragments alone. The schema is compared with the result field
// by field, so that one component's mistake does not hide another's, and a line
// of the schema never takes part in a conflict between teams. Defaults are filled
// in afterwards, and policies are checked against the finished tree.
package eval

import (
	"cuelang.org/go/cue"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

var (
	context *cue.Context
	shipped *schema.Schema
)

// Warm builds the schema and runs everything once that an evaluation needs, so
// that the snapshot contains it.
func Warm() {
	if context != nil {
		return
	}
	shipped = schema.Shipped()
	context = shipped.Context()
	for _, op := range []string{wire.OpSystem, wire.OpModel} {
		req := &wire.Request{Version: wire.Version, Op: op, Target: "dev", Targets: []string{"dev"}, Files: warmFiles}
		if op == wire.OpSystem {
			System(req, syntax.PrepareSystem(req))
		} else {
			Model(req, syntax.Prepare(req))
		}
	}
}

// warmFiles exercise every part of the evaluation.
var warmFiles = []wire.File{{Name: "kcc.cue", Text: `package warm

system: name: "warm"
_app: {image: "a/b:1", port: 80, health: http: "/", ...}
services: web: _app & {env: A: "b", needs: store: {}}
services: [string]: replicas?: >=1
backing: store: kind: "postgres"
policies: memory: {message: "m", require: services: [string]: replicas: >=1}
defaults: services: [string]: resources: memory: "1Mi"
`}}

// Schema returns the files of kcc's schema.
func Schema() []wire.SchemaFile {
	return schema.Files()
}

// System evaluates the field `system` of kcc.cue.
func System(req *wire.Request, p *syntax.Prepared) *wire.Response {
	Warm()
	r := newEvaluation(req, p)
	value := r.root.LookupPath(cue.ParsePath("system"))
	tree := &wire.Node{Kind: wire.Struct}
	if value.Exists() {
		w := newWalker(r)
		node := w.node(value, shipped.System, []string{"system"}, nil)
		w.checkCompleteness(node, shipped.System, []string{"system"})
		tree.Fields = []wire.Field{{Name: "system", Node: node}}
	}
	return r.response(tree)
}

// Model evaluates all fragments for one target.
func Model(req *wire.Request, p *syntax.Prepared) *wire.Response {
	Warm()
	w, tree, declarations, owners := evaluate(newEvaluation(req, p))
	w.checkPolicies(tree)
	w.checkMaskedAssertions(tree)
	w.recordPatterns(w.root, patternRule{kind: wire.RulePattern}, tree)
	var policies []wire.Policy
	for _, policy := range p.Policies {
		policies = append(policies, wire.Policy{
			Name: policy.Name, Message: policy.Message, Label: policy.Label, By: policy.File,
			Requires: w.requiredFields(policy, tree, owners),
		})
	}
	var explained []wire.Explained
	if req.Explain {
		explained = w.explain(tree, owners)
	}
	w.provide(tree)
	w.prune(tree)
	resp := w.response(tree)
	resp.Declarations, resp.Explained = declarations, explained
	resp.Policies, resp.Matched = policies, w.matched
	return resp
}
