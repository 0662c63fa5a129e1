package syntax

import (
	"cuelang.org/go/cue/ast"
)

// scope holds the bindings of one struct, comprehension or file, as CUE resolves
// them.
type scope struct {
	outer *scope
	names map[string]*binding
}

// binding is what an identifier refers to.
type binding struct {
	kind bindingKind
	used bool
	// at is the node that binds the name.
	at ast.Node
	// refersTo is the name a let stands for, as written, and in the scope it is
	// looked up in.
	refersTo string
	in       *scope
}

type bindingKind int

const (
	// fieldBinding may stay unused.
	fieldBinding bindingKind = iota
	// variableBinding, of a comprehension or a pattern, may stay unused.
	variableBinding
	// letBinding and aliasBinding void the whole build if nothing uses them.
	letBinding
	aliasBinding
	importBinding
	// refusedBinding is an import that was already reported.
	refusedBinding
)

func (s *scope) inner() *scope {
	return &scope{outer: s}
}

// bind adds a name; the first of two wins.
func (s *scope) bind(name string, kind bindingKind, at ast.Node) {
	if name == "" || name == "_" {
		return
	}
	if s.names == nil {
		s.names = map[string]*binding{}
	}
	if _, ok := s.names[name]; !ok {
		s.names[name] = &binding{kind: kind, at: at}
	}
}

// bindLet adds the name of a let, whose value is resolved in another scope.
func (s *scope) bindLet(let *ast.LetClause, kind bindingKind, in *scope) {
	s.bind(let.Ident.Name, kind, let.Ident)
	b := s.names[let.Ident.Name]
	if ident, ok := let.Expr.(*ast.Ident); ok && b != nil && b.at == ast.Node(let.Ident) {
		b.refersTo, b.in = ident.Name, in
	}
}

func (s *scope) lookup(name string) *binding {
	for ; s != nil; s = s.outer {
		if b, ok := s.names[name]; ok {
			return b
		}
	}
	return nil
}

// visible collects all names in scope.
func (s *scope) visible(names map[string]bool) {
	for ; s != nil; s = s.outer {
		for name := range s.names {
			names[name] = true
		}
	}
}

// level tells which names the labels of declarations bind. An identifier resolves
// to the closest field of that name, as in CUE, but the first level of a block
// declares fields of the root.
type level int

const (
	// inside: below a field; labels bind names.
	inside level = iota
	// atRoot: in a fragment; fields are fields of the root.
	atRoot
	// inOverlay: in an overlay's block. Its fields become fields of the root;
	// their labels bind nothing, so that `services` means all services.
	inOverlay
	// rootShaped: in `defaults` or `require`, which have the shape of the root
	// without being part of it. The labels of root fields bind nothing here
	// either.
	rootShaped
)

// joins reports whether the fields become part of the root.
func (l level) joins() bool {
	return l == atRoot || l == inOverlay
}

// within returns the level of what an expression contains: private names are its
// own if it embeds more than literals.
func (l level) within(x ast.Expr) level {
	if l.joins() && embedsReferences(x) {
		return inside
	}
	return l
}

// bindDecls adds the bindings of the declarations of one struct.
func (s *scope) bindDecls(decls []ast.Decl, at level) {
	for _, decl := range decls {
		switch d := decl.(type) {
		case *ast.LetClause:
			s.bindLet(d, letBinding, s)
		case *ast.Field:
			_, pattern := patternOf(d)
			if alias, ok := d.Label.(*ast.Alias); ok && !pattern {
				s.bind(alias.Ident.Name, aliasBinding, alias.Ident)
			}
			if alias := d.Alias; alias != nil && !pattern {
				if alias.Label != nil {
					s.bind(alias.Label.Name, variableBinding, alias.Label)
				}
				s.bind(alias.Field.Name, aliasBinding, alias.Field)
			}
			if at.joins() {
				continue
			}
			if name, ok := identName(d.Label); ok && !(at == rootShaped && isRootField(name)) {
				s.bind(name, fieldBinding, d.Label)
			}
		}
	}
}

// patternOf returns the pattern of a field such as `[string]: T`.
func patternOf(field *ast.Field) (*ast.ListLit, bool) {
	label := ast.Node(field.Label)
	if alias, ok := label.(*ast.Alias); ok {
		label = alias.Expr
	}
	list, ok := label.(*ast.ListLit)
	return list, ok
}

// identName returns the name of a label that can be referred to.
func identName(label ast.Label) (string, bool) {
	if alias, ok := label.(*ast.Alias); ok {
		label, _ = alias.Expr.(ast.Label)
	}
	switch x := label.(type) {
	case *ast.Ident:
		return x.Name, true
	case *ast.BasicLit:
		name, ident, err := ast.LabelName(x)
		return name, ident && err == nil
	}
	return "", false
}
