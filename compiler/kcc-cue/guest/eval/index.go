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
	// conditional is set if the field is in a comprehension.
	conditional bool
	// pkg is the path of the imported package that contains it.
	pkg string
}

func newIndex(p *syntax.Prepared) *syntaxIndex {
	l := emptyIndex(p)
	for _, pkg := range p.Packages {
		// Sites, last names and packages are shared by all.
		inner := emptyIndex(p)
		inner.sites, inner.lastNames, inner.items, inner.packages = l.sites, l.lastNames, l.items, l.packages
		for _, file := range pkg.Files {
			inner.read(file, pkg.Path)
		}
		all := map[string]bool{inPackage(pkg.Path, ""): true}
		for name := range inner.roots {
			all[inPackage(pkg.Path, name)] = true
		}
		l.reach[inPackage(pkg.Path, anyName)] = all
		for name, names := range inner.reach {
			through := map[string]bool{}
			for other := range names {
				if _, own := inner.roots[other]; own {
					through[inPackage(pkg.Path, other)] = true
				} else if strings.HasPrefix(other, importPrefix) || strings.HasPrefix(other, letPrefix) {
					through[other] = true
				}
			}
			if !strings.HasPrefix(name, letPrefix) {
				name = inPackage(pkg.Path, name)
			}
			l.reach[name] = through
		}
		l.packages[pkg.Path] = inner
	}
	for _, file := range p.Files {
		l.read(file, "")
		for _, decl := range file.AST.Decls {
			l.recordEmbeddings(file.AST, []ast.Decl{decl}, p.Overlaid(decl), true)
		}
	}
	return l
}

// embedding is an expression that brings fields to the root.
type embedding struct {
	expr    ast.Expr
	file    *ast.File
	span    wire.Span
	overlay bool
}

// recordEmbeddings records what root declarations embed, and with fields what the
// root fields among them embed.
func (l *syntaxIndex) recordEmbeddings(file *ast.File, decls []ast.Decl, overlay, fields bool) {
	var expr func(x ast.Expr, fields bool)
	expr = func(x ast.Expr, fields bool) {
		switch x := x.(type) {
		case *ast.StructLit:
			l.recordEmbeddings(file, x.Elts, overlay, fields)
		case *ast.ParenExpr:
			expr(x.X, fields)
		case *ast.BinaryExpr:
			if x.Op == token.AND {
				expr(x.X, fields)
				expr(x.Y, fields)
				return
			}
			l.recordEmbedding(file, x, overlay)
		case *ast.BasicLit, *ast.ListLit:
		default:
			l.recordEmbedding(file, x, overlay)
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

func (l *syntaxIndex) recordEmbedding(file *ast.File, x ast.Expr, overlay bool) {
	if span, ok := l.prepared.Span(x); ok {
		l.embedded = append(l.embedded, embedding{x, file, span, overlay})
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

// importPrefix precedes what packages contribute to the names of the root; no name
// begins like this.
const importPrefix = "import "

// inPackage returns the name of a package's root field among the names of the
// root. It is empty for what the package embeds at its root, and [anyName] for the
// package as a whole.
func inPackage(path, name string) string {
	return importPrefix + path + " " + name
}

// letPrefix precedes the names of lets, which several files may have.
const letPrefix = "let "

func letName(clause *ast.LetClause) string {
	return letPrefix + clause.Ident.Name + " " + clause.Pos().String()
}

// nameOf returns what an identifier leads to: a root name, a let or a package.
func (l *syntaxIndex) nameOf(ident *ast.Ident) string {
	if clause, ok := ident.Node.(*ast.LetClause); ok {
		return letName(clause)
	}
	if pkg := l.prepared.Import(ident); pkg != nil {
		return inPackage(pkg.Path, anyName)
	}
	return ident.Name
}

// selectedName returns what a selection from a package leads to, or nothing for
// any other selection.
func (l *syntaxIndex) selectedName(x *ast.SelectorExpr) (string, bool) {
	head, ok := x.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	pkg := l.prepared.Import(head)
	name, _, err := ast.LabelName(x.Sel)
	if pkg == nil || err != nil {
		return "", false
	}
	if index := l.packages[pkg.Path]; index == nil || len(index.roots[name]) == 0 {
		// It comes in through an embedding.
		name = ""
	}
	return inPackage(pkg.Path, name), true
}

// read records the site of every node in a file.
func (l *syntaxIndex) read(file *syntax.File, pkg string) {
	top := &site{file: file.Index, pkg: pkg}
	r := &indexReader{
		syntaxIndex: l, top: top, stack: []*site{top}, heads: map[ast.Node]bool{}, labels: map[ast.Node]bool{},
	}
	ast.Walk(file.AST, r.enter, r.leave)
}

// indexReader reads one file into an index.
type indexReader struct {
	*syntaxIndex
	// top stands for the root, and stack has the fields around the current node.
	top   *site
	stack []*site
	// lets are the names of the lets around the current node.
	lets []string
	// overlaid and comprehensions count the nodes around the current one that are
	// declarations of the target's block, and comprehensions.
	overlaid, comprehensions int
	// heads are the expressions that a selector selects from, labels the
	// identifiers that are not references.
	heads, labels map[ast.Node]bool
}

// enter reads a node before those below it. It returns false if these are not
// read.
func (r *indexReader) enter(node ast.Node) bool {
	here := r.stack[len(r.stack)-1]
	if decl, ok := node.(ast.Decl); ok && r.prepared.Overlaid(decl) {
		r.overlaid++
	}
	switch node := node.(type) {
	case *ast.CommentGroup:
		return false
	case *ast.Field:
		here = r.enterField(node, here)
	case *ast.Comprehension:
		r.comprehensions++
	case *ast.LetClause:
		r.labels[node.Ident] = true
		r.lets = append(r.lets, letName(node))
	case *ast.ListLit:
		r.readItems(node)
	case *ast.SelectorExpr:
		r.readSelector(node, here)
	case *ast.Ident:
		r.readIdent(node, here)
	}
	r.sites[node] = here
	return true
}

// leave undoes enter after everything below a node.
func (r *indexReader) leave(node ast.Node) {
	if decl, ok := node.(ast.Decl); ok && r.prepared.Overlaid(decl) {
		r.overlaid--
	}
	switch node.(type) {
	case *ast.Field:
		r.stack = r.stack[:len(r.stack)-1]
	case *ast.Comprehension:
		r.comprehensions--
	case *ast.LetClause:
		r.lets = r.lets[:len(r.lets)-1]
	}
}

// enterField records a field, which is the site of what is below it.
func (r *indexReader) enterField(field *ast.Field, parent *site) *site {
	here := newSite(field, parent)
	here.overlay, here.conditional = r.overlaid > 0, r.comprehensions > 0
	r.nested = r.nested || parent != r.top && isPrivate(here.name)
	r.labels[field.Label] = true
	r.stack = append(r.stack, here)
	r.add(here)
	if parent == r.top && here.name != "" {
		r.roots[here.name] = append(r.roots[here.name], here)
	}
	return here
}

func (r *indexReader) readItems(list *ast.ListLit) {
	for _, item := range list.Elts {
		if lit, ok := item.(*ast.StructLit); ok {
			r.items[lit] = true
		}
	}
}

func (r *indexReader) readSelector(selector *ast.SelectorExpr, here *site) {
	if name, _, err := ast.LabelName(selector.Sel); err == nil && !r.heads[selector] {
		r.lastNames[name] = true
	}
	r.heads[selector.X] = true
	r.labels[selector.Sel] = true
	if name, ok := r.selectedName(selector); ok {
		r.labels[selector.X] = true
		r.addReach(here, r.lets, name)
	}
}

func (r *indexReader) readIdent(ident *ast.Ident, here *site) {
	if r.labels[ident] {
		return
	}
	if !r.heads[ident] {
		r.lastNames[ident.Name] = true
	}
	r.addReach(here, r.lets, r.nameOf(ident))
}

// addReach records that the root field around a site, and the lets around it,
// refer to a name.
func (l *syntaxIndex) addReach(here *site, lets []string, name string) {
	root := here
	for root.parent != nil && root.parent.field != nil {
		root = root.parent
	}
	for _, from := range append(slices.Clip(lets), root.name) {
		if l.reach[from] == nil {
			l.reach[from] = map[string]bool{}
		}
		l.reach[from][name] = true
	}
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

// isPlain reports whether the site is written out: with plain labels and outside
// comprehensions.
func (p *site) isPlain() bool {
	for ; p != nil && p.field != nil; p = p.parent {
		if p.name == "" || p.conditional {
			return false
		}
	}
	return true
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

// root returns the name of the root field that contains the site, also if it is
// one of a package.
func (p *site) root() string {
	for p.parent != nil && p.parent.field != nil {
		p = p.parent
	}
	if p.pkg != "" {
		return inPackage(p.pkg, p.name)
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
	for _, name := range l.namesIn(expr) {
		follow(name)
	}
	return found
}

// namesIn returns the names that an expression gets fields through.
func (l *syntaxIndex) namesIn(expr ast.Node) []string {
	var found []string
	selected := map[ast.Node]bool{}
	ast.Walk(expr, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Field:
			return false
		case *ast.SelectorExpr:
			if name, ok := l.selectedName(node); ok {
				selected[node.X], selected[node.Sel] = true, true
				found = append(found, name)
			}
		case *ast.Ident:
			if !selected[node] {
				found = append(found, l.nameOf(node))
			}
		}
		return true
	}, nil)
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
