package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// syntaxIndex records for every node of the fragments the field it is written in,
// and which root names lead to which others.
//
// A conjunct that comes in through a reference is attributed with it to the
// fragment that has the reference, not to the file of the helper.
type syntaxIndex struct {
	sites map[ast.Node]*site
	// roots has the root fields by name, including those of overlays.
	roots map[string][]*site
	// reach has the root names that each root name refers to.
	reach map[string]map[string]bool
	// lastNames has the last names of all references.
	lastNames map[string]bool
	// children has the named fields, by the site that contains them.
	children map[*site]map[string][]*site
	// embedded are the expressions that bring fields written elsewhere to the
	// root or into a root field.
	embedded []embedding
	// nested is set if a struct below the root has a hidden field or a
	// definition.
	nested bool
	// items are the structs in lists, which have no label.
	items map[*ast.StructLit]bool

	prepared *syntax.Prepared
	// packages has the indexes of the imported packages, by path.
	packages map[string]*syntaxIndex
}

// site is a field as it is written.
type site struct {
	field  *ast.Field
	parent *site
	file   int
	// name is the label, empty if it can match several fields.
	name string
	// pattern is set if the label is a pattern; overlay, if the field is in the
	// target's block.
	pattern, overlay bool
	// pkg is the path of the imported package that contains it.
	pkg string
}

func newIndex(p *syntax.Prepared) *syntaxIndex {
	l := emptyIndex(p)
	for _, pkg := range p.Packages {
		// Sites and last names are shared by all.
		inner := emptyIndex(p)
		inner.sites, inner.lastNames, inner.items = l.sites, l.lastNames, l.items
		for _, file := range pkg.Files {
			inner.read(file, pkg.Path)
		}
		through := map[string]bool{}
		for _, names := range inner.reach {
			for name := range names {
				if isImported(name) {
					through[name] = true
				}
			}
		}
		l.reach[importPrefix+pkg.Path] = through
		l.packages[pkg.Path] = inner
	}
	for _, file := range p.Files {
		l.read(file, "")
		for _, decl := range file.AST.Decls {
			l.recordEmbeddings([]ast.Decl{decl}, p.Overlaid(decl), true)
		}
	}
	return l
}

// embedding is an expression that brings fields to the root.
type embedding struct {
	expr    ast.Expr
	span    wire.Span
	overlay bool
}

// recordEmbeddings records what root declarations embed, and with fields what the
// root fields among them embed.
func (l *syntaxIndex) recordEmbeddings(decls []ast.Decl, overlay, fields bool) {
	var expr func(x ast.Expr, fields bool)
	expr = func(x ast.Expr, fields bool) {
		switch x := x.(type) {
		case *ast.StructLit:
			l.recordEmbeddings(x.Elts, overlay, fields)
		case *ast.ParenExpr:
			expr(x.X, fields)
		case *ast.BinaryExpr:
			if x.Op == token.AND {
				expr(x.X, fields)
				expr(x.Y, fields)
				return
			}
			l.recordEmbedding(x, overlay)
		case *ast.BasicLit, *ast.ListLit:
		default:
			l.recordEmbedding(x, overlay)
		}
	}
	for _, decl := range decls {
		switch decl := decl.(type) {
		case *ast.EmbedDecl:
			expr(decl.Expr, fields)
		case *ast.Comprehension:
			expr(decl.Value, fields)
			if decl.Fallback != nil {
				expr(decl.Fallback.Body, fields)
			}
		case *ast.Field:
			if fields && !isPrivateLabel(decl.Label) {
				expr(decl.Value, false)
			}
		}
	}
}

func (l *syntaxIndex) recordEmbedding(x ast.Expr, overlay bool) {
	if span, ok := l.prepared.Span(x); ok {
		l.embedded = append(l.embedded, embedding{x, span, overlay})
	}
}

// isPrivateLabel reports whether a label is hidden or a definition.
func isPrivateLabel(label ast.Label) bool {
	ident, ok := label.(*ast.Ident)
	return ok && (strings.HasPrefix(ident.Name, "_") || strings.HasPrefix(ident.Name, "#"))
}

func emptyIndex(p *syntax.Prepared) *syntaxIndex {
	return &syntaxIndex{
		sites:     map[ast.Node]*site{},
		roots:     map[string][]*site{},
		reach:     map[string]map[string]bool{},
		lastNames: map[string]bool{},

		children: map[*site]map[string][]*site{},
		items:    map[*ast.StructLit]bool{},

		prepared: p,
		packages: map[string]*syntaxIndex{},
	}
}

// importPrefix precedes the path of a package among the names of the root; no
// name begins like this.
const importPrefix = "import "

func isImported(name string) bool {
	return strings.HasPrefix(name, importPrefix)
}

// nameOf returns what an identifier leads to: a root name or a package.
func (l *syntaxIndex) nameOf(ident *ast.Ident) string {
	if pkg := l.prepared.Import(ident); pkg != nil {
		return importPrefix + pkg.Path
	}
	return ident.Name
}

// read records the site of every node in a file.
func (l *syntaxIndex) read(file *syntax.File, pkg string) {
	p := l.prepared
	top := &site{file: file.Index, pkg: pkg}
	stack := []*site{top}
	overlaid := 0
	// heads are the expressions that a selector selects from, labels the
	// identifiers that are not references.
	heads, labels := map[ast.Node]bool{}, map[ast.Node]bool{}
	ast.Walk(file.AST, func(node ast.Node) bool {
		here := stack[len(stack)-1]
		switch node := node.(type) {
		case *ast.Field:
			here = newSite(node, here)
			if p.Overlaid(node) {
				overlaid++
			}
			here.overlay = overlaid > 0
			l.sites[node] = here
			l.nested = l.nested || here.parent != top && isPrivate(here.name)
			labels[node.Label] = true
			stack = append(stack, here)
			l.add(here)
			if here.parent == top && here.name != "" {
				l.roots[here.name] = append(l.roots[here.name], here)
			}
			return true
		case *ast.CommentGroup:
			return false
		case *ast.EmbedDecl:
			if p.Overlaid(node) {
				overlaid++
			}
		case *ast.ListLit:
			for _, item := range node.Elts {
				if lit, ok := item.(*ast.StructLit); ok {
					l.items[lit] = true
				}
			}
		case *ast.SelectorExpr:
			if name, _, err := ast.LabelName(node.Sel); err == nil && !heads[node] {
				l.lastNames[name] = true
			}
			heads[node.X] = true
			labels[node.Sel] = true
		case *ast.Ident:
			if !heads[node] && !labels[node] {
				l.lastNames[node.Name] = true
			}
			if here != top && !labels[node] {
				root := here
				for root.parent != top {
					root = root.parent
				}
				if l.reach[root.name] == nil {
					l.reach[root.name] = map[string]bool{}
				}
				l.reach[root.name][l.nameOf(node)] = true
			}
		}
		l.sites[node] = here
		return true
	}, func(node ast.Node) {
		if _, ok := node.(*ast.Field); ok {
			stack = stack[:len(stack)-1]
		}
		if decl, ok := node.(ast.Decl); ok && p.Overlaid(decl) {
			overlaid--
		}
	})
}

func isPrivate(name string) bool {
	return strings.HasPrefix(name, "_") || isDefinition(name)
}

// add records a field below the site that contains it.
func (l *syntaxIndex) add(p *site) {
	if p.name == "" {
		return
	}
	if l.children[p.parent] == nil {
		l.children[p.parent] = map[string][]*site{}
	}
	l.children[p.parent][p.name] = append(l.children[p.parent][p.name], p)
}

// below returns the fields that the fragments write at a path from the root.
func (l *syntaxIndex) below(path []string) []*site {
	found := l.roots[path[0]]
	for _, name := range path[1:] {
		var next []*site
		for _, p := range found {
			next = append(next, l.children[p][name]...)
		}
		found = next
	}
	return found
}

func newSite(field *ast.Field, parent *site) *site {
	p := &site{field: field, parent: parent, file: parent.file, pkg: parent.pkg}
	label := ast.Node(field.Label)
	if alias, ok := label.(*ast.Alias); ok {
		label = alias.Expr
	}
	switch label := label.(type) {
	case *ast.ListLit:
		p.pattern = true
	case *ast.Ident:
		p.name = label.Name
	case *ast.BasicLit:
		if name, err := literal.Unquote(label.Value); err == nil {
			p.name = name
		}
	}
	return p
}

// isAt reports whether a fragment writes the site at path directly, rather than
// bringing it there through a reference.
func (p *site) isAt(path []string) bool {
	if p != nil && p.pkg != "" {
		return false
	}
	for i := len(path) - 1; i >= 0; i-- {
		if p == nil || p.field == nil {
			return false
		}
		if isIndex(path[i]) && p.name != path[i] {
			// An element of a list has no label.
			continue
		}
		if p.name != "" && p.name != path[i] {
			return false
		}
		p = p.parent
	}
	return p != nil && p.field == nil
}

// inPattern reports whether the site is in a pattern.
func (p *site) inPattern() bool {
	for ; p != nil; p = p.parent {
		if p.pattern {
			return true
		}
	}
	return false
}

// path returns the path of the site as written, up to the first label that can
// match several fields.
func (p *site) path() []string {
	var names []string
	for ; p != nil && p.field != nil; p = p.parent {
		if p.name == "" {
			names = nil
			continue
		}
		names = append(names, p.name)
	}
	slices.Reverse(names)
	return names
}

func isIndex(name string) bool {
	return name != "" && name[0] >= '0' && name[0] <= '9'
}

// root returns the name of the root field, or of the package, that contains the
// site.
func (p *site) root() string {
	if p.pkg != "" {
		return importPrefix + p.pkg
	}
	for p.parent != nil && p.parent.field != nil {
		p = p.parent
	}
	return p.name
}

// leadsTo reports whether the names in an expression lead to a root name.
func (l *syntaxIndex) leadsTo(expr ast.Node, to string) bool {
	found := false
	seen := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		if name == to {
			found = true
		}
		if found || seen[name] {
			return
		}
		seen[name] = true
		for next := range l.reach[name] {
			follow(next)
		}
	}
	for _, ident := range contributors(expr) {
		follow(l.nameOf(ident))
	}
	return found
}

// contributors returns the identifiers through which an expression gets fields:
// references, embeddings and operands of unifications, but not the values of its
// own fields.
func contributors(node ast.Node) []*ast.Ident {
	var found []*ast.Ident
	ast.Walk(node, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Field:
			return false
		case *ast.Ident:
			found = append(found, node)
		}
		return true
	}, nil)
	return found
}

// rootsOf returns the root fields that an identifier in an expression stands for:
// those of the package if it is selected from one.
func (l *syntaxIndex) rootsOf(ident *ast.Ident, expr ast.Node) []*site {
	if here := l.sites[ident]; here != nil && here.pkg != "" {
		return l.packages[here.pkg].roots[ident.Name]
	}
	found := l.roots[ident.Name]
	ast.Walk(expr, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok || selector.Sel != ast.Label(ident) {
			return true
		}
		head, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		if pkg := l.prepared.Import(head); pkg != nil {
			found = l.packages[pkg.Path].roots[ident.Name]
		}
		return true
	}, nil)
	return found
}
