package syntax

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// Package is a package that fragments import from a directory.
type Package struct {
	// Path is how every file imports it after the rewrite.
	Path string
	// Files holds the package's own trees; a file of two packages has two.
	Files []*File
	// Value is the value CUE built.
	Value cue.Value

	sources []*source
	// imports has the packages this one imports, with one import of each.
	imports map[*Package]*importOf
}

// importOf is one import of a package.
type importOf struct {
	spec   *ast.ImportSpec
	source *source
}

// Import returns the package that an identifier refers to, or nil if it refers to
// none of a directory.
func (p *Prepared) Import(ident *ast.Ident) *Package {
	spec, ok := ident.Node.(*ast.ImportSpec)
	if !ok {
		return nil
	}
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return nil
	}
	return p.importable[path]
}

// isStandard reports whether a path can belong to CUE's standard library: only
// module paths begin with a domain.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// readPackages parses the packages that fragments import and prepares each for
// the build, imported ones first.
func (p *Prepared) readPackages(req *wire.Request) {
	for _, missing := range req.Missing {
		p.missing[missing.Path] = missing
	}
	var all []*Package
	for _, given := range req.Packages {
		if len(given.Paths) == 0 {
			continue
		}
		pkg := &Package{Path: given.Paths[0], imports: map[*Package]*importOf{}}
		for _, path := range given.Paths {
			p.importable[path] = pkg
		}
		for _, index := range given.Files {
			if index < 0 || index >= len(req.Files) {
				continue
			}
			pkg.sources = append(pkg.sources, &source{
				File: req.Files[index], index: index, refused: map[string]bool{},
			})
		}
		all = append(all, pkg)
	}
	read := map[int]bool{}
	for _, pkg := range all {
		for _, s := range pkg.sources {
			// A file of two packages is reported once.
			if !read[s.index] {
				s.faults = &p.Errors
			}
			read[s.index] = true
			s.tree, s.whole = p.parse(s.faults, s.index, s.File)
			if s.tree != nil {
				p.findNumericPorts(s.tree)
				p.readPreamble(s)
			}
		}
		for _, s := range pkg.sources {
			pkg.findImports(p, s)
		}
	}
	p.orderPackages(all)
	for _, pkg := range p.Packages {
		p.preparePackage(pkg)
	}
}

func (pkg *Package) findImports(p *Prepared, s *source) {
	for _, decl := range s.imports {
		path, _ := strconv.Unquote(decl.Specs[0].Path.Value)
		if other := p.importable[path]; other != nil && pkg.imports[other] == nil {
			pkg.imports[other] = &importOf{decl.Specs[0], s}
		}
	}
}

// orderPackages sorts the packages so that each follows those it imports. The
// import that closes a cycle is reported and removed.
func (p *Prepared) orderPackages(all []*Package) {
	done := map[*Package]bool{}
	var chain []*Package
	var visit func(pkg *Package)
	visit = func(pkg *Package) {
		done[pkg] = true
		chain = append(chain, pkg)
		others := slices.SortedFunc(maps.Keys(pkg.imports), func(a, b *Package) int {
			return strings.Compare(a.Path, b.Path)
		})
		for _, other := range others {
			if at := slices.Index(chain, other); at >= 0 {
				p.refuseCycle(append(chain[at:len(chain):len(chain)], other))
			} else if !done[other] {
				visit(other)
			}
		}
		chain = chain[:len(chain)-1]
		p.Packages = append(p.Packages, pkg)
	}
	for _, pkg := range all {
		if !done[pkg] {
			visit(pkg)
		}
	}
}

// refuseCycle reports and removes the last import of a chain that leads back to
// its start.
func (p *Prepared) refuseCycle(chain []*Package) {
	last := chain[len(chain)-2]
	closing := last.imports[chain[len(chain)-1]]
	cyclic := wire.Import{Path: chain[len(chain)-1].Path, Problem: wire.CyclicImport{}}
	e := p.withLabel(wire.Fault{Detail: cyclic}, closing.spec.Path)
	for i := range len(chain) - 2 {
		e = p.withLabel(e, chain[i].imports[chain[i+1]].spec.Path)
	}
	p.Errors.report(e)
	for _, s := range last.sources {
		s.imports = slices.DeleteFunc(s.imports, func(decl *ast.ImportDecl) bool {
			path, _ := strconv.Unquote(decl.Specs[0].Path.Value)
			leads := p.importable[path] == chain[len(chain)-1]
			if leads {
				s.refused[importName(decl.Specs[0])] = true
			}
			return leads
		})
	}
	delete(last.imports, chain[len(chain)-1])
}

// preparePackage applies the passes for fragments, except those that concern the
// root of a system.
func (p *Prepared) preparePackage(pkg *Package) {
	shared := &scope{}
	for _, s := range pkg.sources {
		if s.tree == nil {
			continue
		}
		p.refuseAttributes(s)
		for _, decl := range s.base {
			p.expandShortForms(&ast.StructLit{Elts: []ast.Decl{decl}}, labelContext{})
			p.quoteKeyReferences(decl)
			if field, ok := decl.(*ast.Field); ok {
				if name, ok := identName(field.Label); ok {
					shared.bind(name, fieldBinding, field.Label)
				}
			}
		}
	}
	none := &names{used: map[string]bool{}}
	for _, s := range pkg.sources {
		if s.tree == nil {
			p.markPartial(s.index)
			continue
		}
		file := s.fileScope(true)
		file.outer = shared
		r := &resolver{p: p, source: s, names: none, faults: s.faults, imported: true}
		s.base = r.decls(s.base, file, inside)
		r.reportUnused(file)
		if !s.whole {
			p.markPartial(s.index)
		}
		tree := &ast.File{Filename: s.Name, Decls: []ast.Decl{
			&ast.Package{PackagePos: s.tree.Pos(), Name: &ast.Ident{NamePos: token.NoPos, Name: packageName(pkg.Path)}},
		}}
		for _, decl := range s.imports {
			tree.Decls = append(tree.Decls, decl)
		}
		tree.Decls = append(tree.Decls, s.base...)
		p.prune(tree)
		pkg.Files = append(pkg.Files, &File{Index: s.index, Team: s.Team, AST: tree})
	}
}

func packageName(path string) string {
	return ast.ParseImportPath(path).Qualifier
}

// importPackage returns why a path outside CUE's standard library cannot be
// imported, or rewrites the import to the package's own path.
func (p *Prepared) importPackage(spec *ast.ImportSpec, path string) wire.ImportProblem {
	pkg := p.importable[path]
	if pkg == nil {
		missing, known := p.missing[path]
		if !known {
			return wire.AbsentPackage{Reason: wire.AbsenceElsewhere}
		}
		return wire.AbsentPackage{Reason: missing.Reason, Candidates: missing.Candidates, Name: missing.Name}
	}
	if pkg.Path != path {
		info, _ := astutil.ParseImportSpec(spec)
		if spec.Name == nil && info.Ident != packageName(pkg.Path) {
			spec.Name = &ast.Ident{NamePos: spec.Path.ValuePos, Name: info.Ident}
		}
		lit := &ast.BasicLit{ValuePos: spec.Path.ValuePos, Kind: token.STRING, Value: strconv.Quote(pkg.Path)}
		p.lengths[lit] = len(spec.Path.Value)
		spec.Path = lit
	}
	return nil
}
