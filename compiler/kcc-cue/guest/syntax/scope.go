package syntax

import (
	"cuelang.org/go/cue/ast"
)

// scope is what the names in one struct, comprehension or file mean, as CUE
// resolves them.
type scope struct {
	outer *scope
	names map[string]*binding
}

// binding is what a name means.
type binding struct {
	kind bindingKind
	used bool
	// at is where the name is bound.
	at ast.Node
	// refers is the name that a let stands for, as it was written; in is where.
	refers string
	in     *scope
}

type bindingKind int

const (
	// aField may stay unused.
	aField bindingKind = iota
	// aVariable of a comprehension or a pattern may stay unused.
	aVariable
	// aLet and anAlias void the whole build when nothing uses them.
	aLet
	anAlias
	anImport
	// aRefused import was reported already.
	aRefused
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

// bindLet adds the name of a let, whose value stands in another scope.
func (s *scope) bindLet(let *ast.LetClause, kind bindingKind, in *scope) {
	s.bind(let.Ident.Name, kind, let.Ident)
	b := s.names[let.Ident.Name]
	if ident, ok := let.Expr.(*ast.Ident); ok && b != nil && b.at == ast.Node(let.Ident) {
		b.refers, b.in = ident.Name, in
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

// visible lists the names that could be meant.
func (s *scope) visible(names map[string]bool) {
	for ; s != nil; s = s.outer {
		for name := range s.names {
			names[name] = true
		}
	}
}

// level is where declarations stand. A name means the nearest field that has
// it, as in CUE; what a block holds at its first level are fields of the root.
type level int

const (
	// inside: below a field, whose fields bind names.
	inside level = iota
	// atRoot: in a fragment, whose fields are fields of the root.
	atRoot
	// underOn: in an overlay's block. Its fields become fields of the root;
	// their labels bind nothing, so that `services` means all of them.
	underOn
	// likeRoot: in `defaults` or `require`, which have the shape of the root
	// and are not a part of it. The labels of root fields bind nothing here
	// either.
	likeRoot
)

// joins says whether the fields become a part of the root.
func (l level) joins() bool {
	return l == atRoot || l == underOn
}

// within is the level of what an expression holds: private names in one that
// takes in more than literals are its own.
func (l level) within(x ast.Expr) level {
	if l.joins() && takesIn(x) {
		return inside
	}
	return l
}

// bindDecls adds what the declarations of one struct bind.
func (s *scope) bindDecls(decls []ast.Decl, at level) {
	for _, decl := range decls {
		switch d := decl.(type) {
		case *ast.LetClause:
			s.bindLet(d, aLet, s)
		case *ast.Field:
			_, pattern := patternOf(d)
			if alias, ok := d.Label.(*ast.Alias); ok && !pattern {
				s.bind(alias.Ident.Name, anAlias, alias.Ident)
			}
			if alias := d.Alias; alias != nil && !pattern {
				if alias.Label != nil {
					s.bind(alias.Label.Name, aVariable, alias.Label)
				}
				s.bind(alias.Field.Name, anAlias, alias.Field)
			}
			if at.joins() {
				continue
			}
			if name, ok := identName(d.Label); ok && !(at == likeRoot && isRootField(name)) {
				s.bind(name, aField, d.Label)
			}
		}
	}
}

// patternOf is the pattern of a field such as `[string]: T`.
func patternOf(field *ast.Field) (*ast.ListLit, bool) {
	label := ast.Node(field.Label)
	if alias, ok := label.(*ast.Alias); ok {
		label = alias.Expr
	}
	list, ok := label.(*ast.ListLit)
	return list, ok
}

// identName is the name of a label that can be referred to.
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
