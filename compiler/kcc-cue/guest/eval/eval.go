// Package eval evaluates prepared fragments and holds them against kcc's
// schema.
//
// CUE unifies the fragments alone; the schema is held against what comes out,
// field by field, so that no mistake of one component hides another's and a
// line of the schema never takes part in a conflict between teams. Soft values
// join afterwards and policies are held against the finished model. Nothing
// here reads a file or words a message.
package eval

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

var (
	context *cue.Context
	shipped *schema.Schema
)

// Warm builds the schema, and does once what every evaluation needs.
func Warm() {
	if context != nil {
		return
	}
	context = cuecontext.New()
	shipped = schema.Load(context)
	for _, op := range []string{wire.OpSystem, wire.OpModel} {
		req := &wire.Request{Version: wire.Version, Op: op, Target: "dev", Targets: []string{"dev"}, Files: warmFiles}
		if op == wire.OpSystem {
			System(req, syntax.PrepareSystem(req))
		} else {
			Model(req, syntax.Prepare(req))
		}
	}
}

// warmFiles touch every part of evaluation once.
var warmFiles = []wire.File{{Name: "kcc.cue", Text: `package warm

system: name: "warm"
_app: {image: "a/b:1", port: 80, health: http: "/", ...}
services: web: _app & {env: A: "b", needs: store: {}}
services: [string]: replicas?: >=1
backing: store: kind: "postgres"
policies: memory: {message: "m", require: services: [string]: replicas: >=1}
defaults: services: [string]: resources: memory: "1Mi"
`}}

// Schema lists the files of kcc's schema.
func Schema() []wire.SchemaFile {
	return schema.Files()
}

// System evaluates the field `system` of kcc.cue.
func System(req *wire.Request, p *syntax.Prepared) *wire.Response {
	Warm()
	m := newModel(req, p)
	value := m.root.LookupPath(cue.ParsePath("system"))
	tree := &wire.Node{Kind: wire.Struct}
	if value.Exists() {
		w := &walk{model: m}
		node := w.node(value, shipped.System, []string{"system"}, nil)
		m.settle(w, node, shipped.System, []string{"system"})
		tree.Fields = []wire.Field{{Name: "system", Node: node}}
	}
	return m.response(tree)
}

// Model evaluates all fragments for one target.
func Model(req *wire.Request, p *syntax.Prepared) *wire.Response {
	Warm()
	m := newModel(req, p)
	w, tree, declarations, owners := m.evaluate()
	m.hold(w, tree)
	var policies []wire.Policy
	for _, policy := range p.Policies {
		policies = append(policies, wire.Policy{
			Name: policy.Name, Message: policy.Message, Label: policy.Label, By: policy.File,
			Requires: m.knownFields(policy, tree),
		})
	}
	var explained []wire.Explained
	if req.Explain {
		explained = m.explain(w, tree, owners)
	}
	m.provide(w, tree)
	m.prune(tree)
	resp := m.response(tree)
	resp.Declarations, resp.Explained = declarations, explained
	resp.Policies, resp.Matched = policies, m.matched
	return resp
}
