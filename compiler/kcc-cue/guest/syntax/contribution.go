package syntax

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// contribution is what an expression adds to the path it is written at.
type contribution int

const (
	// constraint is a type, a bound, a validator, or a disjunction without a
	// default.
	constraint contribution = iota
	// structure is a struct in which some fields have values.
	structure
	// concrete is a value without fields, or a default.
	concrete
)

// classifier determines contributions without evaluating anything. CUE's kinds
// cannot tell them apart: once CUE knows a value, the lines of base and overlay
// are unified, and the one that should give way has failed the other.
type classifier struct {
	p *Prepared
	// roots has the values of the root's private names, by their unique names.
	roots map[string][]ast.Expr
	// following guards against cyclic references.
	following map[ast.Expr]bool
	// arguments counts the values that the expressions being followed give the
	// fields of a template: `{#n: 3}` in `_t & {#n: 3}`.
	arguments map[string]int
}

func newClassifier(p *Prepared, sources []*source) *classifier {
	r := &classifier{p: p, roots: map[string][]ast.Expr{}, following: map[ast.Expr]bool{}, arguments: map[string]int{}}
	for _, s := range sources {
		if s.tree == nil {
			continue
		}
		for _, part := range s.parts(p.target) {
			if part.at.joins() && !part.inactive {
				r.addRoots(part.value)
			}
		}
	}
	return r
}

func (r *classifier) addRoots(x ast.Expr) {
	eachStruct(x, func(lit *ast.StructLit) {
		for _, decl := range lit.Elts {
			switch d := decl.(type) {
			case *ast.Field:
				if label := privateLabel(d.Label); label != nil {
					r.roots[label.Name] = append(r.roots[label.Name], d.Value)
				}
			case *ast.EmbedDecl:
				r.addRoots(d.Expr)
			}
		}
	})
}

// classify returns the contribution of an expression. An expression that needs
// evaluation counts as a value, because constraints are written as such.
func (r *classifier) classify(x ast.Expr) contribution {
	switch x := x.(type) {
	case *ast.BottomLit:
		return constraint
	case *ast.StructLit:
		return r.ofStruct(x)
	case *ast.ListLit:
		return r.ofList(x)
	case *ast.ParenExpr:
		return r.classify(x.X)
	case *ast.Alias:
		return r.classify(x.Expr)
	case *ast.PostfixExpr:
		return r.classify(x.X)
	case *ast.UnaryExpr:
		switch x.Op {
		case token.ADD, token.SUB, token.NOT, token.MUL:
			return concrete
		}
		return constraint
	case *ast.BinaryExpr:
		switch x.Op {
		case token.AND:
			defer r.withArguments(x)()
			return max(r.classify(x.X), r.classify(x.Y))
		case token.OR:
			switch {
			case !hasDefault(x):
				return constraint
			case r.hasStructs(x):
				return structure
			}
		}
		return concrete
	case *ast.CallExpr:
		return r.ofCall(x)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return r.ofReference(x)
	}
	return concrete
}

// hasStructs reports whether an operand of a disjunction is a struct.
func (r *classifier) hasStructs(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return r.hasStructs(x.X)
	case *ast.UnaryExpr:
		return x.Op == token.MUL && r.hasStructs(x.X)
	case *ast.BinaryExpr:
		if x.Op == token.OR {
			return r.hasStructs(x.X) || r.hasStructs(x.Y)
		}
	}
	return r.classify(x) == structure
}

// withArguments adds the values that a unification gives the fields of a template,
// until the returned function is called.
func (r *classifier) withArguments(x ast.Expr) (remove func()) {
	var names []string
	var add func(x ast.Expr)
	add = func(x ast.Expr) {
		switch x := x.(type) {
		case *ast.ParenExpr:
			add(x.X)
		case *ast.SelectorExpr:
			add(x.X)
		case *ast.IndexExpr:
			add(x.X)
		case *ast.BinaryExpr:
			if x.Op == token.AND {
				add(x.X)
				add(x.Y)
			}
		case *ast.StructLit:
			for _, decl := range x.Elts {
				field, ok := decl.(*ast.Field)
				if !ok || field.Constraint != token.ILLEGAL {
					continue
				}
				if name, ok := identName(field.Label); ok && r.classify(field.Value) > constraint {
					names = append(names, name)
				}
			}
		}
	}
	add(x)
	for _, name := range names {
		r.arguments[name]++
	}
	return func() {
		for _, name := range names {
			r.arguments[name]--
		}
	}
}

// hasDefault reports whether an operand of a disjunction is marked as default.
func hasDefault(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return hasDefault(x.X)
	case *ast.UnaryExpr:
		return x.Op == token.MUL
	case *ast.BinaryExpr:
		return x.Op == token.OR && (hasDefault(x.X) || hasDefault(x.Y))
	}
	return false
}

func (r *classifier) ofStruct(x *ast.StructLit) contribution {
	found := constraint
	if len(x.Elts) == 0 {
		found = structure
	}
	for _, decl := range x.Elts {
		switch d := decl.(type) {
		case *ast.Field:
			if d.Constraint == token.ILLEGAL && r.classify(d.Value) > constraint {
				found = structure
			}
		case *ast.EmbedDecl:
			// `{"x"}` is a string.
			found = max(found, r.classify(d.Expr))
		case *ast.Comprehension:
			found = max(found, structure)
		}
	}
	return found
}

// ofList classifies a list. It is a value as a whole, unless it only constrains
// its elements.
func (r *classifier) ofList(x *ast.ListLit) contribution {
	if len(x.Elts) == 0 {
		return concrete
	}
	for _, item := range x.Elts {
		if _, open := item.(*ast.Ellipsis); open {
			continue
		}
		if _, many := item.(*ast.Comprehension); many || r.classify(item) > constraint {
			return concrete
		}
	}
	return constraint
}

func (r *classifier) ofCall(x *ast.CallExpr) contribution {
	switch fun := x.Fun.(type) {
	case *ast.Ident:
		switch strings.TrimPrefix(fun.Name, "__") {
		case "close":
			if len(x.Args) == 1 {
				return r.classify(x.Args[0])
			}
		case "and", "or", "matchN", "matchIf", "error":
			return constraint
		}
	case *ast.SelectorExpr:
		path, name, ok := standardFunction(fun)
		switch {
		case !ok:
		case strings.HasPrefix(name, "Unmarshal"):
			return structure
		case isValidator(path, name, len(x.Args)):
			return constraint
		}
	}
	return concrete
}

// ofReference classifies what a name refers to. A field of the model has its
// final value, whatever a single line says.
func (r *classifier) ofReference(x ast.Expr) contribution {
	if ident, ok := x.(*ast.Ident); ok && ident.Node == nil && (ident.Name == "_" || predeclared(ident.Name)) {
		return constraint
	}
	if selector, ok := x.(*ast.SelectorExpr); ok {
		if path, name, ok := standardFunction(selector); ok {
			if isValidator(path, name, -1) {
				return constraint
			}
			return concrete
		}
	}
	if r.following[x] {
		return constraint
	}
	r.following[x] = true
	defer delete(r.following, x)
	if ident, ok := x.(*ast.Ident); ok && r.arguments[ident.Name] > 0 && len(r.roots[ident.Name]) == 0 {
		return concrete
	}
	defer r.withArguments(x)()
	found := constraint
	targets, private := r.follow(x)
	for _, target := range targets {
		found = max(found, r.classify(target))
	}
	if len(targets) == 0 || !private && found == constraint {
		return concrete
	}
	return found
}

// follow returns the expressions that a reference stands for, or none where that
// needs evaluation. Private ones are complete: they come from lets, hidden
// fields, definitions and packages.
func (r *classifier) follow(x ast.Expr) (targets []ast.Expr, private bool) {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return r.follow(x.X)
	case *ast.StructLit:
		return []ast.Expr{x}, true
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			return []ast.Expr{x}, true
		}
	case *ast.Ident:
		if targets := r.roots[x.Name]; len(targets) > 0 {
			return targets, true
		}
		switch node := x.Node.(type) {
		case *ast.LetClause:
			return []ast.Expr{node.Expr}, true
		case *ast.Alias:
			return []ast.Expr{node.Expr}, true
		case *ast.Ident:
			// A field or the variable of a clause, which has that name itself.
			if node.Name == x.Name {
				return nil, false
			}
			return []ast.Expr{node}, isPrivate(x.Name)
		case ast.Expr:
			return []ast.Expr{node}, isPrivate(x.Name)
		}
	case *ast.SelectorExpr:
		name, _, err := ast.LabelName(x.Sel)
		if err != nil {
			return nil, false
		}
		if ident, ok := x.X.(*ast.Ident); ok {
			if pkg := r.p.Import(ident); pkg != nil {
				return pkg.written(name), true
			}
		}
		return r.below(x.X, func(field string) bool { return field == name })
	case *ast.IndexExpr:
		if list, ok := x.X.(*ast.ListLit); ok {
			return elements(list), true
		}
		if name, ok := r.constantString(x.Index); ok {
			return r.below(x.X, func(field string) bool { return field == name })
		}
		return r.below(x.X, func(string) bool { return true })
	}
	return nil, false
}

// below returns the values of fields, or the elements of lists, in what a
// reference stands for.
func (r *classifier) below(x ast.Expr, wanted func(name string) bool) (found []ast.Expr, private bool) {
	if r.following[x] {
		return nil, false
	}
	r.following[x] = true
	defer delete(r.following, x)
	targets, private := r.follow(x)
	for _, target := range targets {
		r.fields(target, wanted, &found)
	}
	return found, private
}

func (r *classifier) fields(x ast.Expr, wanted func(name string) bool, found *[]ast.Expr) {
	switch x := x.(type) {
	case *ast.StructLit:
		for _, decl := range x.Elts {
			switch d := decl.(type) {
			case *ast.Field:
				if name, ok := staticName(d.Label); ok && d.Constraint == token.ILLEGAL && wanted(name) {
					*found = append(*found, d.Value)
				}
			case *ast.EmbedDecl:
				r.fields(d.Expr, wanted, found)
			}
		}
	case *ast.ListLit:
		*found = append(*found, elements(x)...)
	case *ast.ParenExpr:
		r.fields(x.X, wanted, found)
	case *ast.Alias:
		r.fields(x.Expr, wanted, found)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			r.fields(x.X, wanted, found)
			r.fields(x.Y, wanted, found)
		}
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		if r.following[x] {
			return
		}
		r.following[x] = true
		defer delete(r.following, x)
		targets, _ := r.follow(x)
		for _, target := range targets {
			r.fields(target, wanted, found)
		}
	}
}

// elements returns the elements that a list literal may have.
func elements(list *ast.ListLit) []ast.Expr {
	var out []ast.Expr
	for _, item := range list.Elts {
		switch item := item.(type) {
		case *ast.Ellipsis:
		case *ast.Comprehension:
			out = append(out, item.Value)
		default:
			out = append(out, item)
		}
	}
	return out
}

// constantString returns the string that an expression is known to be.
func (r *classifier) constantString(x ast.Expr) (string, bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		return plainString(x)
	case *ast.ParenExpr:
		return r.constantString(x.X)
	case *ast.Interpolation:
		return r.interpolatedString(x)
	case *ast.BinaryExpr:
		left, ok := r.constantString(x.X)
		right, also := r.constantString(x.Y)
		return left + right, x.Op == token.ADD && ok && also
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		if ident, ok := x.(*ast.Ident); ok && ident.Name == "target" && r.isRoot(ident) {
			return r.p.target, r.p.target != ""
		}
		if r.following[x] {
			return "", false
		}
		r.following[x] = true
		defer delete(r.following, x)
		known, found := "", false
		targets, _ := r.follow(x)
		for _, target := range targets {
			if r.classify(target) == constraint {
				continue
			}
			text, ok := r.constantString(target)
			if !ok || found && text != known {
				return "", false
			}
			known, found = text, true
		}
		return known, found
	}
	return "", false
}

// isRoot reports whether an identifier refers to a field of the root.
func (r *classifier) isRoot(x *ast.Ident) bool {
	_, ofFile := x.Scope.(*ast.File)
	return x.Node == nil || ofFile
}

func (r *classifier) interpolatedString(x *ast.Interpolation) (string, bool) {
	first, ok := x.Elts[0].(*ast.BasicLit)
	last, also := x.Elts[len(x.Elts)-1].(*ast.BasicLit)
	if !ok || !also {
		return "", false
	}
	quotes, prefix, _, err := literal.ParseQuotes(first.Value, last.Value)
	if err != nil || !quotes.IsDouble() {
		return "", false
	}
	var whole strings.Builder
	for i, part := range x.Elts {
		lit, isText := part.(*ast.BasicLit)
		if i%2 == 1 || !isText {
			text, ok := r.constantString(part)
			if !ok {
				return "", false
			}
			whole.WriteString(text)
			continue
		}
		raw := lit.Value
		if i == 0 {
			raw = raw[prefix:]
		} else {
			raw = raw[1:]
		}
		text, err := quotes.Unquote(raw)
		if err != nil {
			return "", false
		}
		whole.WriteString(text)
	}
	return whole.String(), true
}

// label returns the name of a field, even if it is written as an expression.
func (r *classifier) label(label ast.Label) (string, bool) {
	switch x := label.(type) {
	case *ast.ParenExpr:
		return r.constantString(x.X)
	case *ast.Interpolation:
		return r.constantString(x)
	}
	return staticName(label)
}

// written returns the expressions of a root field of the package.
func (pkg *Package) written(name string) []ast.Expr {
	var out []ast.Expr
	for _, s := range pkg.sources {
		for _, decl := range s.base {
			if field, ok := decl.(*ast.Field); ok {
				if label, ok := staticName(field.Label); ok && label == name {
					out = append(out, field.Value)
				}
			}
		}
	}
	return out
}

// standardFunction returns the package and name that an expression selects from
// CUE's standard library.
func standardFunction(x *ast.SelectorExpr) (path, name string, ok bool) {
	ident, isIdent := x.X.(*ast.Ident)
	if !isIdent {
		return "", "", false
	}
	spec, isImport := ident.Node.(*ast.ImportSpec)
	if !isImport {
		return "", "", false
	}
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil || !slices.Contains(standardLibrary, path) {
		return "", "", false
	}
	name, _, err = ast.LabelName(x.Sel)
	return path, name, err == nil
}

// isValidator reports whether a standard library function is a validator when
// called with so many arguments, or not called at all (-1). Only CUE knows: a
// function becomes one by leaving out an argument.
func isValidator(path, name string, arguments int) bool {
	call := name
	if arguments >= 0 {
		call += "(" + strings.TrimSuffix(strings.Repeat("_,", arguments), ",") + ")"
	}
	pkg := path[strings.LastIndexByte(path, '/')+1:]
	key := path + "." + call
	if known, ok := validatorCache.Load(key); ok {
		return known.(bool)
	}
	value := cuecontext.New().CompileString("import \"" + path + "\"\nx: " + pkg + "." + call)
	x := value.LookupPath(cue.ParsePath("x"))
	is := x.Err() == nil && x.Exists() && !x.IsConcrete()
	validatorCache.Store(key, is)
	return is
}

// validatorCache caches CUE's answers.
var validatorCache sync.Map
