package syntax

import (
	"slices"

	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/wire"
)

// systemFile is the file that stands at the root of a system.
const systemFile = "kcc.cue"

// source is a fragment on its way to a [File].
type source struct {
	wire.File
	index int
	tree  *ast.File
	// whole is false if a part of the file was reported and taken out; loose
	// is true if that was a detail of one component.
	whole, loose bool
	// again: what is wrong with the file was reported for another package.
	again bool
	pkg   *ast.Package
	// imports of what there is, one in each declaration.
	imports []*ast.ImportDecl
	// shadowed are the names of imports that mean something nearer somewhere.
	shadowed map[string]bool
	// refused are the names of imports that were reported.
	refused map[string]bool
	// base is everything at the root that holds in each target.
	base []ast.Decl
	// overlays are the blocks under `on`, those of all targets.
	overlays []overlay
	soft     []softBlock
	policies []*policyBlock
}

// shadow notes that a name means something else than the import of that name.
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

// overlay is what one `on: NAME` field holds.
type overlay struct {
	target string
	value  ast.Expr
}

type softBlock struct {
	overlay string
	value   ast.Expr
}

// part is a piece of a fragment that has the shape of the root.
type part struct {
	value ast.Expr
	// elsewhere: it does not hold in the target.
	elsewhere bool
	// at is the level of what stands in it.
	at level
}

// parts are all pieces but for the policies' messages and targets.
func (s *source) parts(target string) []part {
	elsewhere := func(overlay string) bool { return overlay != "" && overlay != target }
	parts := []part{{value: &ast.StructLit{Elts: s.base}, at: atRoot}}
	for _, o := range s.overlays {
		parts = append(parts, part{value: o.value, elsewhere: elsewhere(o.target), at: underOn})
	}
	for _, soft := range s.soft {
		parts = append(parts, part{value: soft.value, elsewhere: elsewhere(soft.overlay), at: likeRoot})
	}
	for _, policy := range s.policies {
		if policy.require != nil {
			parts = append(parts, part{value: policy.require, elsewhere: !policy.holds, at: likeRoot})
		}
	}
	return parts
}

// prepare is the order in which everything happens.
func prepare(req *wire.Request, systemOnly bool) *Prepared {
	p := newPrepared(req)
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
		tree, whole := p.parse(index, file)
		sources = append(sources, &source{File: file, index: index, tree: tree, whole: whole, refused: map[string]bool{}})
		if tree != nil {
			p.findNumbers(tree)
		}
	}
	p.readPackages(req)
	for _, s := range sources {
		if s.tree != nil {
			p.readPreamble(s)
		}
	}
	p.checkPackages(sources)
	for _, s := range sources {
		if s.tree == nil {
			continue
		}
		if systemOnly {
			keepSystem(s)
		}
		p.refuseAttributes(s)
		p.splitRoot(s, req.Targets)
		p.checkPolicies(s, req.Targets)
		for _, part := range s.parts(p.target) {
			p.spellOut(part.value, fieldPlace{})
			p.spellReferences(part.value)
		}
	}
	names := collectNames(p, sources)
	for _, s := range sources {
		if s.tree != nil {
			p.resolve(s, names)
		}
	}
	names.joinShared(p, sources)
	p.takeEmbeddedOverlays(sources)
	p.replaceOverlaid(sources)
	for _, s := range sources {
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
	p.addPlaceholders(names)
	return p
}

func (p *Prepared) markPartial(index int) {
	if at, found := slices.BinarySearch(p.Partial, index); !found {
		p.Partial = slices.Insert(p.Partial, at, index)
	}
}
