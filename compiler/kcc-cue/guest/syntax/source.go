package syntax

import (
	"slices"

	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/wire"
)

// systemFile is the name of the file at the root of a system.
const systemFile = "kcc.cue"

// source is a fragment on its way to becoming a [File].
type source struct {
	wire.File
	index int
	tree  *ast.File
	// whole is false if some of the file was reported and removed; loose is true
	// if that was only a detail of one component.
	whole, loose bool
	// faults receives the errors of the file: nil if they were reported for
	// another package that the file belongs to.
	faults *Faults
	pkg    *ast.Package
	// imports holds the imports that resolve, one per declaration.
	imports []*ast.ImportDecl
	// shadowed holds the names of imports that a closer declaration shadows.
	shadowed map[string]bool
	// refused holds the names of imports that were reported.
	refused map[string]bool
	// base holds the root declarations that apply to every target.
	base []ast.Decl
	// overlays holds the blocks under `on`, for all targets.
	overlays []overlay
	defaults []defaultsBlock
	policies []*policyBlock
}

// shadow records that a name does not resolve to the import of that name.
func (s *source) shadow(name string) {
	for _, decl := range s.imports {
		if importName(decl.Specs[0]) != name {
			continue
		}
		if s.shadowed == nil {
			s.shadowed = map[string]bool{}
		}
		s.shadowed[name] = true
	}
}

// overlay is one field of `on`.
type overlay struct {
	target string
	value  ast.Expr
}

type defaultsBlock struct {
	overlay string
	value   ast.Expr
}

// part is a piece of a fragment that has the shape of the root.
type part struct {
	value ast.Expr
	// inactive is set if the part does not apply to the target.
	inactive bool
	// at is the level of its declarations.
	at level
}

// parts returns all pieces except the messages and targets of policies.
func (s *source) parts(target string) []part {
	inactive := func(overlay string) bool { return overlay != "" && overlay != target }
	parts := []part{{value: &ast.StructLit{Elts: s.base}, at: atRoot}}
	for _, o := range s.overlays {
		parts = append(parts, part{value: o.value, inactive: inactive(o.target), at: inOverlay})
	}
	for _, defaults := range s.defaults {
		parts = append(parts, part{value: defaults.value, inactive: inactive(defaults.overlay), at: rootShaped})
	}
	for _, policy := range s.policies {
		if policy.require != nil {
			parts = append(parts, part{value: policy.require, inactive: !policy.applies, at: rootShaped})
		}
	}
	return parts
}

// prepare runs the syntax passes in order. With systemOnly the fragments keep no
// more than the field `system` and what it may refer to.
func prepare(req *wire.Request, systemOnly bool) *Prepared {
	p := newPrepared(req)
	sources := p.readFragments(req)
	p.readPackages(req)
	for _, s := range sources {
		if s.tree != nil {
			p.readPreamble(s)
		}
	}
	p.checkPackages(sources)
	for _, s := range sources {
		if s.tree != nil {
			if systemOnly {
				keepSystem(s)
			}
			p.split(s)
		}
	}
	names := collectNames(p, sources)
	for _, s := range sources {
		if s.tree != nil {
			p.resolve(s, names)
		}
	}
	names.joinShared(p, sources)
	classifier := newClassifier(p, sources)
	p.extractEmbeddedOverlays(classifier, sources)
	p.replaceOverlaid(classifier, sources)
	for _, s := range sources {
		p.finish(s)
	}
	p.addPlaceholders(names)
	return p
}

// readFragments parses the files of the request that belong to no package.
func (p *Prepared) readFragments(req *wire.Request) []*source {
	imported := map[int]bool{}
	for _, pkg := range req.Packages {
		for _, index := range pkg.Files {
			imported[index] = true
		}
	}
	var sources []*source
	for index, file := range req.Files {
		if imported[index] {
			continue
		}
		tree, whole := p.parse(&p.Errors, index, file)
		sources = append(sources, &source{
			File: file, index: index, faults: &p.Errors, tree: tree, whole: whole, refused: map[string]bool{},
		})
		if tree != nil {
			p.findNumericPorts(tree)
		}
	}
	return sources
}

// split takes a fragment apart into its base, overlays, defaults and policies, and
// writes the short forms in them out.
func (p *Prepared) split(s *source) {
	p.refuseAttributes(s)
	p.splitRoot(s)
	p.checkPolicies(s, p.targets)
	for _, part := range s.parts(p.target) {
		p.expandShortForms(part.value, labelContext{})
		p.quoteKeyReferences(part.value)
	}
}

// finish records what was removed from a fragment and puts the rest together.
func (p *Prepared) finish(s *source) {
	if !s.whole {
		p.markPartial(s.index)
	}
	if s.loose {
		p.Loose = append(p.Loose, s.index)
	}
	if s.tree != nil {
		p.assemble(s)
	}
}

func (p *Prepared) markPartial(index int) {
	if at, found := slices.BinarySearch(p.Partial, index); !found {
		p.Partial = slices.Insert(p.Partial, at, index)
	}
}
