package eval_test

import (
	"fmt"
	"strings"
	"testing"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"kcc.dev/evaluator/wire"
)

// rewrite is a piece of a system that exercises one rewrite of the syntax tree,
// and the services that show its result.
type rewrite struct {
	name string
	// imports are those of team a; system, a and b are the texts of the system's
	// own file and of two teams.
	imports, system, a, b string
	services              []string
	// errors is the expected number of errors.
	errors int
}

// rewrites use names of their own, so that any combination of them fits into one
// system.
var rewrites = []rewrite{
	{
		name: "private names", services: []string{"private-a", "private-b"},
		a: `
_base: {image: "a/private:1", labels: by: "a", ...}
#User: =~"^[0-9]+$"
services: "private-a": _base & {user: #User, user: "1000"}
`,
		b: `
_base: {image: "b/private:1", labels: by: "b", ...}
#User: =~"^[a-z]+$"
services: "private-b": _base & {user: #User, user: "app"}
`,
	},
	{
		name: "shared names", services: []string{"shared-a", "shared-b"},
		system: `
_shared: {image: "x/shared:1", labels: by: string, ...}
`,
		a: `
services: "shared-a": _shared & {labels: by: "a"}
`,
		b: `
services: "shared-b": _shared & {labels: by: "b"}
`,
	},
	{
		name: "overlay", services: []string{"overlaid"},
		a: `
services: overlaid: {image: "a/overlaid:1", replicas: 3, env: LOG: "info", user: "\(services.overlaid.replicas)"}
on: dev: services: overlaid: {replicas: 1, env: LOG: "debug"}
on: prod: services: overlaid: replicas: 5
`,
	},
	{
		name: "overlay with names of its own", services: []string{"embedded"},
		a: `
services: embedded: {image: "a/embedded:1", workingDir: "/base"}
on: dev: {
	let folder = "/dev"
	services: embedded: workingDir: folder + "/x"
	_hidden: "1"
	services: embedded: user: _hidden
}
on: prod: {
	let folder = "/prod"
	services: embedded: workingDir: folder
}
`,
	},
	{
		name: "alternatives in an overlay", services: []string{"built", "scaled"},
		a: `
services: built: {image: "a/built:1", health: http: "/x", port: 80}
on: dev: services: built: {build: context: "app", health: tcp: "http"}
services: scaled: {image: "a/scaled:1", env: KEY: secret: "k"}
on: dev: services: scaled: env: KEY: "plain"
`,
	},
	{
		name: "long ports", services: []string{"ports"},
		a: `
services: ports: {image: "a/ports:1", ports: {http: 8080, admin: 9000, udp: {number: 53, protocol: "UDP"}}}
services: ports: ports: [!="udp"]: protocol: "TCP"
on: dev: services: ports: ports: admin: 9001
`,
	},
	{
		name: "names of the root", services: []string{"root-names"},
		a: `
services: "root-names": {image: "a/root:1", labels: services: "x", env: t: target}
on: dev: {
	services: "root-names": labels: image: services.ports2.image
	services: ports2: image: "a/two:1"
}
`,
	},
	{
		name: "policies", services: []string{"held"}, errors: 1,
		a: `
services: held: {image: "a/held:1", replicas: 1}
`,
		b: `
policies: held: {message: "held", require: services: held: {replicas: >=2, user: string, labels: x: "y"}}
policies: elsewhere: {message: "elsewhere", on: ["prod"], require: services: held: replicas: >=9}
`,
	},
	{
		name: "defaults", services: []string{"soft"},
		a: `
services: soft: image: "a/soft:1"
defaults: services: soft: {user: "7", resources: memory: "1Mi"}
on: dev: defaults: services: soft: user: "8"
services: soft: labels: user: services.soft.user
`,
	},
	{
		name: "unknown names", services: []string{"unknown"}, errors: 2,
		a: `
services: unknown: {image: "a/unknown:1", user: missing, workingDir: "/x"}
services: unknown: labels: {x: nope.thing, y: "z"}
`,
	},
	{
		name: "unused in this target", imports: "import \"strings\"\n", services: []string{"unused"},
		a: `
let suffix = "x"
services: unused: {image: "a/unused:1", user: "u"}
on: prod: services: unused: user: strings.ToUpper(suffix)
`,
	},
	{
		name: "comprehensions", services: []string{"loop-one", "loop-two"},
		a: `
services: {
	for at, name in ["one", "two"] {
		"loop-\(name)": {
			image: "a/\(name):1"
			if target == "dev" {user: "\(at)"}
			ports: main: 80
		}
	}
}
on: dev: services: "loop-one": ports: side: 81
on: prod: services: "loop-two": user: "2"
`,
	},
	{
		name: "aliases and lets", services: []string{"aliased", "let"},
		a: `
services: X="aliased": {image: "a/aliased:1", labels: image: X.image}
services: let: {
	let of = target
	image: "a/\(of):1"
	labels: Y={name: "y", same: Y.name}
}
on: dev: services: aliased: labels: where: target
`,
	},
	{
		name: "required and forbidden", services: []string{"strict"}, errors: 3,
		a: `
services: strict: {image: "a/strict:1", user: "1", port: 80}
`,
		b: `
policies: strict: {message: "strict", require: services: strict: {resources!: memory!: string, user?: _|_, port: >=1, target?: string}}
`,
	},
	{
		name: "broken", services: []string{"whole"}, errors: 1,
		b: `
services: whole: image: "b/whole:1"
services: broken: {
	image "b/broken:1"
}
services: whole: user: "w"
`,
	},
}

// composed returns a system of some rewrites, and the offset of each one's text
// in each file.
func composed(some []rewrite, target string) (*wire.Request, []map[string]int) {
	texts := map[string]string{"kcc.cue": "package x\n\nsystem: name: \"x\"\n", "a/a.cue": "package x\n\n", "b/b.cue": "package x\n\n"}
	for _, r := range some {
		texts["a/a.cue"] += r.imports
	}
	var starts []map[string]int
	for _, r := range some {
		start := map[string]int{}
		for file, text := range map[string]string{"kcc.cue": r.system, "a/a.cue": r.a, "b/b.cue": r.b} {
			start[file] = len(texts[file])
			texts[file] += text
		}
		starts = append(starts, start)
	}
	req := &wire.Request{Version: wire.Version, Op: wire.OpModel, Target: target, Targets: allTargets}
	for _, file := range []struct{ name, team string }{{"kcc.cue", ""}, {"a/a.cue", "a"}, {"b/b.cue", "b"}} {
		req.Files = append(req.Files, wire.File{Name: file.name, Team: file.team, Text: texts[file.name]})
	}
	return req, starts
}

// shown renders the services of one rewrite, with offsets relative to its own
// text.
func shown(req *wire.Request, resp *wire.Response, r rewrite, start map[string]int) string {
	var out strings.Builder
	var visit func(node *wire.Node, path string)
	visit = func(node *wire.Node, path string) {
		fmt.Fprintf(&out, "%s %d %q %v\n", path, node.Kind, node.Text, node.Bool)
		for _, o := range node.Origins {
			if o.File < len(req.Files) {
				file := req.Files[o.File]
				fmt.Fprintf(&out, "  %s+%d %q role %d by %d\n", file.Name, o.Start-start[file.Name], file.Text[o.Start:o.End], o.Role, o.By)
			}
		}
		for _, field := range node.Fields {
			visit(field.Node, path+"."+field.Name)
		}
		for i, item := range node.Items {
			visit(item, fmt.Sprint(path, ".", i))
		}
	}
	for _, name := range r.services {
		if node := field(field(resp.Tree, "services"), name); node != nil {
			visit(node, name)
		} else {
			fmt.Fprintf(&out, "%s is missing\n", name)
		}
	}
	return out.String()
}

func TestRewrites(t *testing.T) {
	for _, target := range allTargets {
		alone := make([]string, len(rewrites))
		try := func(which ...int) {
			var some []rewrite
			errors, names := 0, ""
			for _, i := range which {
				some = append(some, rewrites[i])
				errors += rewrites[i].errors
				names += rewrites[i].name + ", "
			}
			req, starts := composed(some, target)
			resp := answer(req)
			for at, i := range which {
				got := shown(req, resp, rewrites[i], starts[at])
				if alone[i] == "" {
					alone[i] = got
				} else if got != alone[i] {
					t.Errorf("%s in %s: %s is\n%s\nwant:\n%s", names, target, rewrites[i].name, got, alone[i])
				}
			}
			if target == "dev" && len(resp.Errors) != errors {
				t.Errorf("%s in %s: %d errors, want %d:\n%s", names, target, len(resp.Errors), errors, describe(req, resp))
			}
			checkSpans(t, req, resp)
		}
		for i := range rewrites {
			try(i)
		}
		for i := range rewrites {
			for j := range rewrites {
				if i != j {
					try(i, j)
				}
			}
		}
		var all, backwards []int
		for i := range rewrites {
			all = append(all, i)
			backwards = append(backwards, len(rewrites)-1-i)
		}
		try(all...)
		try(backwards...)
	}
}

// checkSpans compares every span in an answer with a plain parse of the same
// text: there has to be a node with that start and end.
func checkSpans(t *testing.T, req *wire.Request, resp *wire.Response) {
	t.Helper()
	nodes := map[wire.Span]bool{}
	for index, file := range req.Files {
		tree, _ := parser.ParseFile(file.Name, file.Text, parser.AllErrors)
		if tree == nil {
			continue
		}
		ast.Walk(tree, func(node ast.Node) bool {
			if node.Pos().IsValid() && node.End().IsValid() {
				end := node.End().Offset()
				if _, bottom := node.(*ast.BottomLit); bottom {
					// CUE counts one character for it.
					end = node.Pos().Offset() + len("_|_")
				}
				nodes[wire.Span{File: index, Start: node.Pos().Offset(), End: end}] = true
			}
			return true
		}, nil)
	}
	partial := map[int]bool{}
	for _, file := range resp.Partial {
		partial[file] = true
	}
	check := func(span wire.Span) {
		if span.File < len(req.Files) && !nodes[span] && !partial[span.File] {
			file := req.Files[span.File]
			t.Errorf("%q in %s is not a node of a plain parse", file.Text[span.Start:span.End], file.Name)
		}
	}
	var visit func(node *wire.Node)
	visit = func(node *wire.Node) {
		for _, o := range node.Origins {
			check(o.Span)
		}
		for _, field := range node.Fields {
			visit(field.Node)
		}
		for _, item := range node.Items {
			visit(item)
		}
	}
	visit(resp.Tree)
	for _, e := range resp.Errors {
		for _, label := range e.Labels {
			check(label.Span)
		}
	}
	for _, d := range resp.Declarations {
		for _, span := range append(d.Owners, d.Others...) {
			check(span)
		}
	}
}
