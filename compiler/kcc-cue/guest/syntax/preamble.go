package syntax

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// standardLibrary lists the packages that a fragment may import. The tool
// packages are left out because they run commands and read files.
var standardLibrary = []string{
	"crypto/ed25519", "crypto/hmac", "crypto/md5", "crypto/sha1", "crypto/sha256", "crypto/sha512",
	"encoding/base64", "encoding/csv", "encoding/hex", "encoding/json", "encoding/openapi",
	"encoding/toml", "encoding/yaml", "html", "list", "math", "math/bits", "net", "path", "regexp",
	"strconv", "strings", "struct", "text/tabwriter", "text/template", "time", "uuid",
}

// refusedAttributes would give a fragment a meaning that is not written in it.
var refusedAttributes = []string{"default", "embed", "extern", "if", "ignore", "tag"}

// readPreamble takes the package clause and the imports out of the tree.
func (p *Prepared) readPreamble(s *source) {
	var rest []ast.Decl
	for _, decl := range s.tree.Decls {
		switch x := decl.(type) {
		case *ast.Package:
			s.pkg = x
		case *ast.ImportDecl:
			p.readImports(s, x)
		default:
			rest = append(rest, decl)
		}
	}
	s.base = rest
}

func (p *Prepared) readImports(s *source, decl *ast.ImportDecl) {
	var remaining []*ast.ImportSpec
	for _, spec := range decl.Specs {
		path, err := strconv.Unquote(spec.Path.Value)
		var problem wire.ImportProblem
		switch {
		case err != nil:
			problem = wire.AbsentPackage{Reason: wire.AbsenceUnknown}
		case path == "tool" || strings.HasPrefix(path, "tool/"):
			problem = wire.ToolImport{}
		case slices.Contains(standardLibrary, path):
		case isStandard(path):
			problem = wire.AbsentPackage{Reason: wire.AbsenceUnknown}
		default:
			problem = p.importPackage(spec, path)
		}
		info, _ := astutil.ParseImportSpec(spec)
		if problem == nil && slices.ContainsFunc(s.imports, func(other *ast.ImportDecl) bool {
			return importName(other.Specs[0]) == info.Ident
		}) {
			problem = wire.DuplicateImport{}
		}
		if problem != nil {
			s.faults.report(p.withLabel(wire.Fault{Detail: wire.Import{Path: path, Problem: problem}}, spec.Path))
			if _, duplicate := problem.(wire.DuplicateImport); !duplicate {
				s.refused[info.Ident] = true
			}
			continue
		}
		remaining = append(remaining, spec)
		s.imports = append(s.imports, &ast.ImportDecl{Import: decl.Import, Specs: []*ast.ImportSpec{spec}})
	}
	decl.Specs = remaining
}

func importName(spec *ast.ImportSpec) string {
	info, _ := astutil.ParseImportSpec(spec)
	return info.Ident
}

// checkPackages compares every package clause with that of kcc.cue and makes them
// all equal.
func (p *Prepared) checkPackages(sources []*source) {
	var first *source
	for _, s := range sources {
		if s.pkg != nil && named(s.pkg) && (first == nil || s.Name == systemFile) {
			first = s
		}
	}
	if first != nil {
		p.pkg = first.pkg.Name.Name
	}
	for _, s := range sources {
		if s.tree == nil {
			continue
		}
		switch {
		case s.pkg == nil || !named(s.pkg):
			if s.whole {
				e := wire.Fault{Detail: wire.PackageClause{Expected: p.pkg}}
				if s.pkg != nil {
					e = p.withLabel(e, s.pkg)
				} else {
					e = e.At(wire.Span{File: s.index}, wire.RoleValue)
				}
				if first != nil {
					e = p.withLabel(e, first.pkg)
				}
				s.faults.report(e)
			}
		case s.pkg.Name.Name != p.pkg:
			other := wire.PackageClause{Expected: p.pkg, Actual: s.pkg.Name.Name}
			s.faults.report(p.withLabel(p.withLabel(wire.Fault{Detail: other}, s.pkg), first.pkg))
		default:
			continue
		}
		// CUE takes the language version of the file from this position.
		s.pkg = &ast.Package{PackagePos: s.tree.Pos(), Name: &ast.Ident{NamePos: token.NoPos, Name: p.pkg}}
	}
}

func named(pkg *ast.Package) bool {
	return pkg.Name != nil && pkg.Name.Name != "_"
}

// refuseAttributes reports and removes the attributes that kcc replaces with
// features of its own.
func (p *Prepared) refuseAttributes(s *source) {
	report := func(attr *ast.Attribute, path []string) {
		e := wire.Fault{Detail: wire.Attribute{Name: attributeName(attr)}, Path: path}
		s.faults.report(p.withLabel(e, attr))
	}
	refusedDecl := func(decl ast.Decl) bool {
		attr, ok := decl.(*ast.Attribute)
		if !ok || !isRefused(attr) {
			return false
		}
		report(attr, nil)
		return true
	}
	s.base = slices.DeleteFunc(s.base, refusedDecl)
	var path []string
	before := func(node ast.Node) bool {
		switch x := node.(type) {
		case *ast.Field:
			name, _, _ := ast.LabelName(x.Label)
			path = append(path, name)
			refused, others := partition(x.Attrs, isRefused)
			x.Attrs = others
			var needed []string
			if len(refused) > 0 && newClassifier(p, nil).classify(x.Value) == constraint {
				// The attribute was meant to supply the value.
				x.Value = p.drop(x.Value)
				needed = inModel(path)
			}
			for _, attr := range refused {
				report(attr, needed)
			}
		case *ast.StructLit:
			x.Elts = slices.DeleteFunc(x.Elts, refusedDecl)
		}
		return true
	}
	after := func(node ast.Node) {
		if _, ok := node.(*ast.Field); ok {
			path = path[:len(path)-1]
		}
	}
	for _, decl := range s.base {
		ast.Walk(decl, before, after)
	}
}

// isRefused reports whether kcc replaces an attribute with a feature of its own.
func isRefused(attr *ast.Attribute) bool {
	return slices.Contains(refusedAttributes, attributeName(attr))
}

// attributeName returns the name of an attribute, of which CUE knows none if the
// attribute has no body.
func attributeName(attr *ast.Attribute) string {
	if name := attr.Name(); name != "" {
		return name
	}
	return strings.TrimPrefix(attr.Text, "@")
}

// partition splits a list into the elements that satisfy a condition and the
// others, in their order.
func partition[T any](all []T, condition func(T) bool) (satisfying, others []T) {
	for _, one := range all {
		if condition(one) {
			satisfying = append(satisfying, one)
		} else {
			others = append(others, one)
		}
	}
	return satisfying, others
}

// inModel translates a path in a fragment to the path in the model, or returns
// nil if it contains a pattern or an expression.
func inModel(path []string) []string {
	if len(path) > 2 && path[0] == "on" {
		path = path[2:]
	}
	if slices.Contains(path, "") {
		return nil
	}
	return slices.Clone(path)
}
