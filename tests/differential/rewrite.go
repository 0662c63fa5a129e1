package differential

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// rewriting is an equivalent way to write a system.
type rewriting struct {
	name  string
	apply func(t *trees)
	// moves is set if values move to other paths. That matters to `on`, where an
	// overlay replaces what the team wrote directly at the same path, and to keys
	// that begin with `_`, which are data only where they are written directly.
	moves bool
	// operand is set if values become operands of an expression.
	operand bool
}

// rewritings are tried on every system. Some change the meaning of some systems,
// such as quoting a label that is referred to. CUE then gives another result, and
// kcc is not tested.
var rewritings = []rewriting{
	{name: "reverse files", apply: reverseFiles},
	{name: "reverse fields", apply: reverseFields},
	{name: "split over files", apply: splitOverFiles},
	{name: "quote labels", apply: quoteLabels},
	{name: "write braces", apply: writeBraces},
	{name: "write ports long", apply: writePortsLong},
	{name: "rename helpers", apply: renameHelpers},
	{name: "wrap root fields in templates", apply: eachRootField(throughTemplate), moves: true},
	{name: "wrap components in templates", apply: eachComponent(throughTemplate), moves: true},
	{name: "wrap components in definitions", apply: eachComponent(throughDefinition), moves: true},
	{name: "bind components with let", apply: eachComponent(throughLet), moves: true},
	{name: "take components from a package", apply: eachComponent(throughPackage), moves: true},
	{name: "select components from a struct", apply: eachComponent(throughSelector), moves: true, operand: true},
	{name: "take components from a list", apply: eachComponent(throughIndex), moves: true, operand: true},
	{name: "embed components", apply: eachComponent(throughEmbedding), moves: true},
	{name: "conjoin components with top", apply: eachComponent(throughConjunction), moves: true},
	{name: "make components by a comprehension", apply: eachComponent(throughComprehension), moves: true},
	{name: "embed root fields", apply: embedRootFields, moves: true},
	{name: "put root fields under a condition", apply: conditionRootFields, moves: true},
	{name: "make root labels dynamic", apply: makeRootLabelsDynamic, moves: true},
	{name: "interpolate component labels", apply: interpolateComponentLabels, moves: true},
}

// fits reports whether a rewriting preserves what kcc reads from the place where
// something is written.
func (r rewriting) fits(s *system) bool {
	switch {
	case s.differs == "keys-that-begin-with-an-underscore":
		return !r.moves && r.name != "rename helpers"
	case r.operand && s.mentions("ports:"):
		// A number is short for a port only directly in `ports`.
		return false
	}
	return !r.moves || !s.mentions("on:")
}

// componentRoots are the root fields with named entries.
var componentRoots = []string{"services", "jobs", "cronJobs", "backing", "objects", "configs", "secrets"}

// trees are the parsed files of a system.
type trees struct {
	system  *system
	files   []*tree
	extra   []file
	counter int
}

// tree is one file; hoisted are declarations to add to it.
type tree struct {
	name    string
	file    *ast.File
	hoisted []ast.Decl
	imports []string
}

// rewrite applies a rewriting. It returns nil if nothing changes or the files
// cannot be parsed.
func (r rewriting) rewrite(s *system) *system {
	t := &trees{system: s}
	var unchanged []file
	for _, f := range s.all() {
		if f.name == "kcc.cue" || !s.fragment(f) {
			unchanged = append(unchanged, f)
			continue
		}
		parsed, err := parser.ParseFile(f.name, f.text, parser.ParseComments)
		if err != nil {
			return nil
		}
		t.files = append(t.files, &tree{name: f.name, file: parsed})
	}
	before := t.print()
	r.apply(t)
	after := t.print()
	if slices.Equal(before, after) && t.extra == nil {
		return nil
	}
	rewritten := *s
	rewritten.files = slices.Concat(unchanged, after, t.extra)
	return &rewritten
}

// print formats the files.
func (t *trees) print() []file {
	var files []file
	for _, tree := range t.files {
		tree.addHoisted()
		text, err := format.Node(tree.file)
		if err != nil {
			// The evaluators report the error.
			text = []byte(err.Error())
		}
		files = append(files, file{name: tree.name, text: string(text)})
	}
	return files
}

// addHoisted adds declarations and imports where they are allowed.
func (t *tree) addHoisted() {
	head, body := t.split()
	for _, path := range t.imports {
		head = append(head, &ast.ImportDecl{Specs: []*ast.ImportSpec{{Path: ast.NewString(path)}}})
	}
	t.file.Decls = slices.Concat(head, t.hoisted, body)
	t.hoisted, t.imports = nil, nil
}

// split separates the package clause, file attributes and imports from the rest.
func (t *tree) split() (head, body []ast.Decl) {
	for i, decl := range t.file.Decls {
		switch decl.(type) {
		case *ast.Package, *ast.ImportDecl, *ast.Attribute, *ast.CommentGroup:
			continue
		}
		return slices.Clone(t.file.Decls[:i]), slices.Clone(t.file.Decls[i:])
	}
	return slices.Clone(t.file.Decls), nil
}

// fresh returns a name that no system uses.
func (t *trees) fresh(prefix string) string {
	t.counter++
	return fmt.Sprintf("%sother%d", prefix, t.counter)
}

func reverseFiles(t *trees) {
	slices.Reverse(t.files)
}

// reverseFields reverses the order of declarations in files and structs.
func reverseFields(t *trees) {
	for _, tree := range t.files {
		head, body := tree.split()
		slices.Reverse(body)
		tree.file.Decls = append(head, body...)
		ast.Walk(tree.file, func(node ast.Node) bool {
			if lit, ok := node.(*ast.StructLit); ok {
				n := len(lit.Elts)
				if n > 0 {
					if _, open := lit.Elts[n-1].(*ast.Ellipsis); open {
						n--
					}
				}
				slices.Reverse(lit.Elts[:n])
				for _, elt := range lit.Elts {
					// Declarations on one line may not be reordered otherwise.
					ast.SetRelPos(elt, token.Newline)
				}
			}
			return true
		}, nil)
	}
}

// splitOverFiles moves each declaration to a file of its own.
func splitOverFiles(t *trees) {
	var files []*tree
	for _, old := range t.files {
		head, body := old.split()
		for i, decl := range body {
			one := &tree{name: fmt.Sprintf("%s_%d.cue", strings.TrimSuffix(old.name, ".cue"), i), file: &ast.File{}}
			used := map[string]bool{}
			ast.Walk(decl, func(node ast.Node) bool {
				if ident, ok := node.(*ast.Ident); ok {
					used[ident.Name] = true
				}
				return true
			}, nil)
			for _, decl := range head {
				imports, ok := decl.(*ast.ImportDecl)
				if !ok {
					one.file.Decls = append(one.file.Decls, decl)
					continue
				}
				for _, spec := range imports.Specs {
					if used[importName(spec)] {
						one.file.Decls = append(one.file.Decls, &ast.ImportDecl{Specs: []*ast.ImportSpec{spec}})
					}
				}
			}
			one.file.Decls = append(one.file.Decls, decl)
			files = append(files, one)
		}
	}
	t.files = files
}

// importName returns the name of an import in its file.
func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	spelled := strings.Trim(spec.Path.Value, `"`)
	if _, name, ok := strings.Cut(spelled, ":"); ok {
		return name
	}
	spelled, _, _ = strings.Cut(spelled, "@")
	return path.Base(spelled)
}

// references returns the names that expressions use.
func (t *trees) references() map[string]bool {
	used := map[string]bool{}
	for _, tree := range t.files {
		labels := map[ast.Node]bool{}
		ast.Walk(tree.file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.Field:
				if _, ok := node.Label.(*ast.Ident); ok {
					labels[node.Label] = true
				}
			case *ast.Ident:
				if !labels[node] {
					used[node.Name] = true
				}
			}
			return true
		}, nil)
	}
	return used
}

// quoteLabels quotes plain labels that nothing refers to.
func quoteLabels(t *trees) {
	used := t.references()
	for _, tree := range t.files {
		ast.Walk(tree.file, func(node ast.Node) bool {
			if field, ok := node.(*ast.Field); ok {
				if name := plainName(field.Label); name != "" && !used[name] {
					label := ast.NewString(name)
					label.ValuePos = field.Label.Pos()
					field.Label = label
				}
			}
			return true
		}, nil)
	}
}

// plainName returns the name of a regular field's label if it is an identifier.
func plainName(label ast.Label) string {
	ident, ok := label.(*ast.Ident)
	if !ok || strings.HasPrefix(ident.Name, "_") || strings.HasPrefix(ident.Name, "#") {
		return ""
	}
	return ident.Name
}

// writeBraces writes `a: b: 1` as `a: {b: 1}`.
func writeBraces(t *trees) {
	for _, tree := range t.files {
		ast.Walk(tree.file, func(node ast.Node) bool {
			if lit, ok := node.(*ast.StructLit); ok && !lit.Lbrace.IsValid() {
				lit.Lbrace, lit.Rbrace = token.Blank.Pos(), token.Newline.Pos()
			}
			return true
		}, nil)
	}
}

// writePortsLong writes `port: 80` as `ports: http: number: 80`, and numbers in
// `ports` likewise, unless something refers to them.
func writePortsLong(t *trees) {
	used := map[string]bool{}
	for _, tree := range t.files {
		ast.Walk(tree.file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.SelectorExpr:
				if ident, ok := node.Sel.(*ast.Ident); ok {
					used[ident.Name] = true
				}
			}
			return true
		}, nil)
	}
	if references := t.references(); used["port"] || used["ports"] || references["port"] || references["ports"] {
		return
	}
	long := func(value ast.Expr) ast.Expr {
		return ast.NewStruct(&ast.Field{Label: ast.NewIdent("number"), Value: value})
	}
	for _, component := range t.components() {
		for value := range literals(component.field.Value) {
			field := value
			number, isNumber := field.Value.(*ast.BasicLit)
			switch plainName(field.Label) {
			case "port":
				if isNumber && number.Kind == token.INT {
					field.Label = ast.NewIdent("ports")
					field.Value = ast.NewStruct(&ast.Field{Label: ast.NewIdent("http"), Value: long(number)})
				}
			case "ports":
				for port := range literals(field.Value) {
					if number, ok := port.Value.(*ast.BasicLit); ok && number.Kind == token.INT {
						port.Value = long(number)
					}
				}
			}
		}
	}
}

// literals iterates over the fields of a struct literal.
func literals(value ast.Expr) func(yield func(*ast.Field) bool) {
	return func(yield func(*ast.Field) bool) {
		lit, ok := value.(*ast.StructLit)
		if !ok {
			return
		}
		for _, elt := range lit.Elts {
			if field, ok := elt.(*ast.Field); ok && !yield(field) {
				return
			}
		}
	}
}

// renameHelpers renames hidden fields and definitions.
func renameHelpers(t *trees) {
	for _, tree := range t.files {
		ast.Walk(tree.file, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok && fromPackage(selector, tree.file) {
				return false
			}
			if ident, ok := node.(*ast.Ident); ok {
				if name := strings.TrimLeft(ident.Name, "_#"); name != "" && name != ident.Name && !strings.HasPrefix(ident.Name, "__") {
					ident.Name += "Other"
				}
			}
			return true
		}, nil)
	}
}

// fromPackage reports whether a selector selects from a package.
func fromPackage(selector *ast.SelectorExpr, file *ast.File) bool {
	ident, ok := selector.X.(*ast.Ident)
	if !ok {
		return false
	}
	for spec := range file.ImportSpecs() {
		if importName(spec) == ident.Name {
			return true
		}
	}
	return false
}

// component is a named entry of a root field.
type component struct {
	tree  *tree
	root  *ast.Field
	field *ast.Field
}

// components returns those written as `ROOT: NAME: VALUE`.
func (t *trees) components() []component {
	var found []component
	for _, tree := range t.files {
		for _, decl := range tree.file.Decls {
			root, ok := decl.(*ast.Field)
			if !ok || !slices.Contains(componentRoots, plainName(root.Label)) {
				continue
			}
			for field := range literals(root.Value) {
				_, quoted := field.Label.(*ast.BasicLit)
				if named := quoted || plainName(field.Label) != ""; named && field.Constraint == token.ILLEGAL && !isAlias(field.Value) {
					found = append(found, component{tree, root, field})
				}
			}
		}
	}
	return found
}

func isAlias(value ast.Expr) bool {
	_, ok := value.(*ast.Alias)
	return ok
}
