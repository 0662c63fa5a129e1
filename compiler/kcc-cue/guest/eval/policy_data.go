package eval

import (
	"slices"

	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/wire"
)

// treeData writes a completed tree as CUE.
type treeData struct {
	walker *walker
	// gaps is set if a value that could not be evaluated was left out.
	gaps bool
}

// unknown reports whether a node has a value that could not be evaluated.
func (d *treeData) unknown(node *wire.Node) bool {
	if o, waiting := d.walker.incomplete[node]; waiting {
		return !o.absent
	}
	return d.walker.silent[node]
}

func (d *treeData) value(node *wire.Node) ast.Expr {
	if d.unknown(node) {
		d.gaps = true
		return ast.NewIdent("_")
	}
	switch node.Kind {
	case wire.Struct:
		lit := &ast.StructLit{}
		for _, field := range node.Fields {
			if field.Node.Kind == wire.Absent && !d.unknown(field.Node) {
				continue
			}
			lit.Elts = append(lit.Elts, namedField(field.Name, d.value(field.Node)))
		}
		return lit
	case wire.List:
		list := &ast.ListLit{}
		for _, item := range node.Items {
			list.Elts = append(list.Elts, d.value(item))
		}
		return list
	default:
		return expression(node)
	}
}

// withAllSpellings returns a tree in which components have the short and the long
// spelling of every field.
func (d *treeData) withAllSpellings(tree *wire.Node) *wire.Node {
	out := &wire.Node{Kind: wire.Struct, Origins: tree.Origins}
	for _, field := range tree.Fields {
		if !isComponent(field.Name) || field.Node.Kind != wire.Struct {
			out.Fields = append(out.Fields, field)
			continue
		}
		all := &wire.Node{Kind: wire.Struct, Origins: field.Node.Origins}
		for _, component := range field.Node.Fields {
			all.Fields = append(all.Fields, wire.Field{Name: component.Name, Node: d.component(component.Node)})
		}
		out.Fields = append(out.Fields, wire.Field{Name: field.Name, Node: all})
	}
	return out
}

func (d *treeData) component(node *wire.Node) *wire.Node {
	if node.Kind != wire.Struct || d.unknown(node) {
		return node
	}
	out := &wire.Node{Kind: wire.Struct, Origins: node.Origins}
	for _, field := range node.Fields {
		if field.Node.Kind == wire.Struct && !d.unknown(field.Node) {
			switch field.Name {
			case "resources":
				field.Node = expandResources(field.Node)
			case "health":
				field.Node = expandHealth(field.Node)
			case "sidecars":
				all := &wire.Node{Kind: wire.Struct, Origins: field.Node.Origins}
				for _, sidecar := range field.Node.Fields {
					set(all, sidecar.Name, d.component(sidecar.Node))
				}
				field.Node = all
			}
		}
		out.Fields = append(out.Fields, field)
	}
	if least := at(node, "scale", "min"); least != nil && least.Kind != wire.Absent && get(out, "replicas") == nil {
		// A policy on `replicas` is about the number that is certain to run.
		set(out, "replicas", least)
	}
	return out
}

// expandResources writes `memory` and `cpu` in both spellings.
func expandResources(node *wire.Node) *wire.Node {
	out := &wire.Node{Kind: wire.Struct, Origins: node.Origins, Fields: slices.Clone(node.Fields)}
	give := func(amount *wire.Node, path ...string) {
		if amount == nil || amount.Kind == wire.Absent || at(out, path...) != nil {
			return
		}
		if len(path) == 1 {
			set(out, path[0], amount)
			return
		}
		group := &wire.Node{Kind: wire.Struct}
		if have := get(out, path[0]); have != nil && have.Kind == wire.Struct {
			group.Fields = append(group.Fields, have.Fields...)
		}
		set(group, path[1], amount)
		set(out, path[0], group)
	}
	spellings := shipped.Root.Below("services", "*", "resources").Struct.Spellings()
	for _, s := range spellings {
		for _, long := range s.Long {
			give(at(node, s.Short...), long...)
		}
	}
	for _, s := range spellings {
		for _, long := range slices.Backward(s.Long) {
			give(at(node, long...), s.Short...)
		}
	}
	return out
}

// expandHealth writes a single probe as readiness and liveness.
func expandHealth(node *wire.Node) *wire.Node {
	probe := &wire.Node{Kind: wire.Struct}
	for _, kind := range []string{"http", "tcp", "grpc", "exec"} {
		if inner := get(node, kind); inner != nil && inner.Kind != wire.Absent {
			set(probe, kind, inner)
		}
	}
	if len(probe.Fields) == 0 {
		return node
	}
	out := &wire.Node{Kind: wire.Struct, Origins: node.Origins, Fields: slices.Clone(node.Fields)}
	for _, purpose := range []string{"readiness", "liveness"} {
		if get(out, purpose) == nil {
			set(out, purpose, probe)
		}
	}
	return out
}
