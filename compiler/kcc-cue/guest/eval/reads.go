package eval

import (
	"maps"
	"slices"

	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/wire"
)

// modelReader collects the paths of the model that an expression reads, itself
// or through what it refers to.
type modelReader struct {
	*evaluation
	found [][]string
	// bound has the paths that the variables of the loops and lets around an
	// expression stand for.
	bound map[string][][]string
	// used are the variables that were read.
	used map[string]bool
	// visited are the references and lets that were followed, which may lead back
	// to themselves.
	visited map[ast.Expr]bool
}

// assertion records what an assertion of a policy is about: an expression that
// may fail without being a requirement of any path, such as a hidden field. It
// binds what it reads. A team may compare another's component with its own, so
// nothing is recorded if it reads a component of the policy's team.
func (r *requirementReader) assertion(x ast.Expr) {
	reader := &modelReader{
		evaluation: r.evaluation, bound: map[string][][]string{}, used: map[string]bool{}, visited: map[ast.Expr]bool{},
	}
	reader.within(r.clauses, x)
	span, ok := r.span(x)
	if !ok || slices.ContainsFunc(reader.found, r.isOwn) {
		return
	}
	for _, path := range reader.found {
		r.reads = append(r.reads, wire.Required{Path: path, Span: span})
	}
}

// isOwn reports whether a path is that of a component of the policy's team, or
// below one.
func (r *requirementReader) isOwn(path []string) bool {
	if len(path) < 2 {
		return false
	}
	team, owned := r.owners[owner{path[0], path[1]}]
	return owned && team == r.team
}

// within reads an expression inside clauses.
func (r *modelReader) within(clauses []ast.Clause, x ast.Node) {
	if len(clauses) == 0 {
		r.read(x)
		return
	}
	outer := maps.Clone(r.bound)
	defer func() { r.bound = outer }()
	switch clause := clauses[0].(type) {
	case *ast.ForClause:
		source := r.paths(clause.Source)
		if source == nil {
			r.read(clause.Source)
		}
		for _, variable := range []*ast.Ident{clause.Key, clause.Value} {
			if variable != nil {
				delete(r.bound, variable.Name)
			}
		}
		if clause.Value == nil || len(source) == 0 {
			break
		}
		elements := extended(source, anyName)
		name := clause.Value.Name
		r.bound[name] = elements
		before := r.used[name]
		delete(r.used, name)
		r.within(clauses[1:], x)
		if !r.used[name] {
			// The names alone are read.
			r.found = append(r.found, elements...)
		}
		r.used[name] = before
		return
	case *ast.IfClause:
		r.read(clause.Condition)
	case *ast.LetClause:
		if paths := r.paths(clause.Expr); paths != nil {
			r.bound[clause.Ident.Name] = paths
		} else {
			r.read(clause.Expr)
			delete(r.bound, clause.Ident.Name)
		}
	}
	r.within(clauses[1:], x)
}

// read collects the paths that a node reads.
func (r *modelReader) read(node ast.Node) {
	ast.Walk(node, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Comprehension:
			r.within(node.Clauses, node.Value)
			if node.Fallback != nil {
				r.read(node.Fallback.Body)
			}
			return false
		case *ast.Field:
			if _, isName := node.Label.(*ast.Ident); !isName {
				r.read(node.Label)
			}
			r.read(node.Value)
			return false
		case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
			r.reference(node.(ast.Expr))
			return false
		}
		return true
	}, nil)
}

// reference collects the path of the model that a reference leads to, or what it
// reads on the way.
func (r *modelReader) reference(x ast.Expr) {
	if paths := r.paths(x); paths != nil {
		r.found = append(r.found, paths...)
		return
	}
	if r.visited[x] {
		return
	}
	r.visited[x] = true
	targets := r.targetsOf(x)
	for _, target := range targets {
		r.read(target)
	}
	switch x := x.(type) {
	case *ast.SelectorExpr:
		if len(targets) == 0 {
			r.read(x.X)
		}
	case *ast.IndexExpr:
		if len(targets) == 0 {
			r.read(x.X)
		}
		r.read(x.Index)
	}
}

// paths returns the paths of the model that a reference stands for, or nil if it
// stands for something else.
func (r *modelReader) paths(x ast.Expr) [][]string {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return r.paths(x.X)
	case *ast.Ident:
		if paths, ok := r.bound[x.Name]; ok {
			r.used[x.Name] = true
			return paths
		}
		if let, ok := x.Node.(*ast.LetClause); ok && !r.visited[let.Expr] {
			r.visited[let.Expr] = true
			defer delete(r.visited, let.Expr)
			return r.paths(let.Expr)
		}
		if name := x.Name; name != systemField && shipped.Root.Struct.At(name) != nil && r.isRoot(x) {
			return [][]string{{name}}
		}
	case *ast.SelectorExpr:
		if name, _, err := ast.LabelName(x.Sel); err == nil {
			return extended(r.paths(x.X), name)
		}
	case *ast.IndexExpr:
		paths := r.paths(x.X)
		if paths == nil {
			return nil
		}
		if name, ok := plainText(x.Index); ok {
			return extended(paths, name)
		}
		r.read(x.Index)
		return extended(paths, anyName)
	}
	return nil
}

// extended returns the paths of a field below others.
func extended(paths [][]string, name string) [][]string {
	var out [][]string
	for _, path := range paths {
		out = append(out, child(path, name))
	}
	return out
}
