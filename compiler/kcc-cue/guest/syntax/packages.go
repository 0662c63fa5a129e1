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

	"kcc.dev/engine/wire"
)

// Package is what an import of a folder brings in.
type Package struct {
	// Path is how every file imports it once the tree is rewritten.
	Path string
	// Files are the package's own trees; a file of two packages has two.
	Files []*File
	// Value is what CUE made of it.
	Value cue.Value

	sources []*source
	// imports are the packages that this one imports, with one import of each.
	imports map[*Package]*importOf
}

// importOf is one import of a package.
type importOf struct {
	spec   *ast.ImportSpec
	source *source
}

// Import is the package that a name in a file means; nil if it is none of a
// folder.
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

// isStandard says whether a path can be of CUE's standard library: only the
// paths of modules begin with a domain.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// readPackages parses the packages that fragments import and makes each ready
// to be built, those first that others import.
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
			// What is wrong with a file of two packages is said once.
			s.again = read[s.index]
			read[s.index] = true
			p.once(s, func() {
				s.tree, s.whole = p.parse(s.index, s.File)
				if s.tree != nil {
					p.findNumbers(s.tree)
					p.readPreamble(s)
				}
			})
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

// once does something with a source and forgets its errors if they were
// reported before.
func (p *Prepared) once(s *source, do func()) {
	before := len(p.Errors)
	do()
	if s.again {
		p.Errors = p.Errors[:before]
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

// orderPackages lists the packages so that each stands after those it imports.
// The import that closes a circle is reported and taken out.
func (p *Prepared) orderPackages(all []*Package) {
	done := map[*Package]bool{}
	var way []*Package
	var visit func(pkg *Package)
	visit = func(pkg *Package) {
		done[pkg] = true
		way = append(way, pkg)
		others := slices.SortedFunc(maps.Keys(pkg.imports), func(a, b *Package) int {
			return strings.Compare(a.Path, b.Path)
		})
		for _, other := range others {
			if at := slices.Index(way, other); at >= 0 {
				p.refuseCircle(append(way[at:len(way):len(way)], other))
			} else if !done[other] {
				visit(other)
			}
		}
		way = way[:len(way)-1]
		p.Packages = append(p.Packages, pkg)
	}
	for _, pkg := range all {
		if !done[pkg] {
			visit(pkg)
		}
	}
}

// refuseCircle takes out the last import of a way that leads back to its start.
func (p *Prepared) refuseCircle(way []*Package) {
	last := way[len(way)-2]
	closing := last.imports[way[len(way)-1]]
	e := p.mark(wire.Error{Code: wire.Import}, closing.spec.Path)
	for i := range len(way) - 2 {
		e = p.mark(e, way[i].imports[way[i+1]].spec.Path)
	}
	p.Errors = append(p.Errors, e.With("path", way[len(way)-1].Path).With("reason", "cycle"))
	for _, s := range last.sources {
		s.imports = slices.DeleteFunc(s.imports, func(decl *ast.ImportDecl) bool {
			path, _ := strconv.Unquote(decl.Specs[0].Path.Value)
			leads := p.importable[path] == way[len(way)-1]
			if leads {
				s.refused[importName(decl.Specs[0])] = true
			}
			return leads
		})
	}
	delete(last.imports, way[len(way)-1])
}

// preparePackage does what is done to fragments, but for all that the root of
// a system has of its own.
func (p *Prepared) preparePackage(pkg *Package) {
	shared := &scope{}
	for _, s := range pkg.sources {
		if s.tree == nil {
			continue
		}
		p.once(s, func() { p.refuseAttributes(s) })
		for _, decl := range s.base {
			p.spellOut(&ast.StructLit{Elts: []ast.Decl{decl}}, fieldPlace{})
			p.spellReferences(decl)
			if field, ok := decl.(*ast.Field); ok {
				if name, ok := identName(field.Label); ok {
					shared.bind(name, aField, field.Label)
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
		p.once(s, func() {
			file := s.fileScope(true)
			file.outer = shared
			r := &resolver{p: p, source: s, names: none, imported: true}
			s.base = r.decls(s.base, file, inside)
			r.unused(file)
		})
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

// importPackage is the reason why a path that is not of CUE's library cannot be
// imported, or makes the import one of the package's own path.
func (p *Prepared) importPackage(spec *ast.ImportSpec, path string) (reason string, detail []wire.Arg) {
	pkg := p.importable[path]
	if pkg == nil {
		missing, known := p.missing[path]
		if !known {
			return "elsewhere", nil
		}
		return missing.Reason, []wire.Arg{
			{Name: "candidates", Text: strings.Join(missing.Candidates, " ")},
			{Name: "name", Text: missing.Name},
		}
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
	return "", nil
}
