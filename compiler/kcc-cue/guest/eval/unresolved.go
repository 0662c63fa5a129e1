package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// maxHops bounds how long a chain of references may be.
const maxHops = 1000

// reportUnresolved reports the references in an expression that lead from a root
// field to nothing. It returns false if there are none.
func (r *reporter) reportUnresolved(path []string, expr ast.Expr) bool {
	found := false
	inner := map[ast.Node]bool{}
	ast.Walk(expr, func(node ast.Node) bool {
		x, ok := node.(ast.Expr)
		if !ok || inner[node] {
			return true
		}
		var chain []step
		for {
			next, ok := stepOf(x)
			if !ok {
				break
			}
			chain = append([]step{next}, chain...)
			x = next.of
			inner[x] = true
		}
		head, ok := x.(*ast.Ident)
		if len(chain) == 0 || !ok {
			return true
		}
		if pkg := r.prepared.Import(head); pkg != nil {
			// What a package lacks may be in a file that could not be read.
			found = r.isPartialPackage(pkg) || r.followChain(path, pkg.Value, chain) || found
		} else if spec, ok := head.Node.(*ast.ImportSpec); ok {
			found = r.followChain(path, standardPackage(spec), chain) || found
		} else if r.isRoot(head) {
			found = r.followChain(path, r.root.LookupPath(r.rootPath(head.Name)), chain) || found
		}
		return true
	}, nil)
	return found
}

// step is a selection of one field by name.
type step struct {
	// whole is the selection, of is the expression it selects from.
	whole, of ast.Expr
	selector  cue.Selector
}

// stepOf returns an expression as a step, or false if it is not a selection by a
// static name.
func stepOf(x ast.Expr) (step, bool) {
	switch x := x.(type) {
	case *ast.SelectorExpr:
		name, _, err := ast.LabelName(x.Sel)
		return step{x, x.X, selectorOf(name)}, err == nil
	case *ast.IndexExpr:
		name, ok := plainText(x.Index)
		return step{x, x.X, cue.Str(name)}, ok
	}
	return step{}, false
}

func isImport(ident *ast.Ident) bool {
	_, ok := ident.Node.(*ast.ImportSpec)
	return ok
}

// standardPackage returns the value of a package of CUE's standard library.
func standardPackage(spec *ast.ImportSpec) cue.Value {
	all := context.CompileString("import p " + spec.Path.Value + "\nvalue: p")
	return all.LookupPath(cue.MakePath(cue.Str("value")))
}

// isPartialPackage reports whether a package could only be read in part.
func (m *evaluation) isPartialPackage(pkg *syntax.Package) bool {
	return slices.ContainsFunc(pkg.Files, func(file *syntax.File) bool {
		return slices.Contains(m.prepared.Partial, file.Index)
	})
}

// isRoot reports whether an identifier refers to a root field.
func (m *evaluation) isRoot(ident *ast.Ident) bool {
	_, ofFile := ident.Scope.(*ast.File)
	if here := m.index.sites[ident]; here != nil && here.pkg != "" {
		return false
	}
	known := len(m.index.roots[ident.Name]) > 0 || m.root.LookupPath(m.rootPath(ident.Name)).Exists()
	return known && (ident.Node == nil || ofFile)
}

func (r *reporter) followChain(path []string, value cue.Value, chain []step) bool {
	for _, step := range chain {
		if value.IncompleteKind()&^cue.StructKind != 0 {
			// Not a struct, not even one with an error below it.
			return false
		}
		next := value.LookupPath(cue.MakePath(step.selector))
		if next.Exists() {
			value = next
			continue
		}
		name := strings.Trim(step.selector.String(), `"`)
		if head, ok := chain[0].of.(*ast.Ident); ok && r.prepared.InUnparsed(r.prepared.Original(head.Name), name) {
			return true
		}
		var names []string
		for iter, err := value.Fields(cue.Definitions(true)); err == nil && iter.Next(); {
			names = append(names, strings.Trim(iter.Selector().String(), `"`))
		}
		if spec, ok := chain[0].of.(*ast.Ident); ok && isImport(spec) {
			// The order of a package means nothing.
			slices.Sort(names)
		}
		reference := wire.Reference{Name: name, Within: sourceText(step.of), Candidates: names}
		e := wire.Fault{Detail: wire.UnknownReference{Reference: reference}, Path: path}
		if span, ok := r.span(step.whole); ok {
			e = e.At(span, wire.RoleValue)
		}
		r.report(e)
		return true
	}
	return false
}

func selectorOf(name string) cue.Selector {
	if strings.HasPrefix(name, "#") {
		return cue.Def(name)
	}
	return cue.Str(name)
}

// rootPath returns the path of a root field by its name in the tree.
func (m *evaluation) rootPath(name string) cue.Path {
	if strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#") {
		return m.prepared.Private(name)
	}
	return cue.MakePath(cue.Str(name))
}

// reportReferenceCycle reports bare references that lead back to themselves.
func (r *reporter) reportReferenceCycle(v cue.Value, path []string, lines []conjunct) bool {
	if v.IncompleteKind() != cue.TopKind || len(lines) == 0 {
		return false
	}
	start := cue.MakePath(selectors(path)...).String()
	seen := map[string]bool{}
	for range maxHops {
		_, target := v.ReferencePath()
		at := target.String()
		if at == "" || seen[at] {
			return false
		}
		if at == start {
			r.recordCycle(path, lines, "")
			return true
		}
		seen[at] = true
		v = r.root.LookupPath(target)
	}
	return false
}

func selectors(path []string) []cue.Selector {
	out := make([]cue.Selector, len(path))
	for i, name := range path {
		out[i] = cue.Str(name)
	}
	return out
}
