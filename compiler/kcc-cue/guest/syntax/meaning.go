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

// meaning is what an expression contributes to the path it is written at.
type meaning int

const (
	// constrains: a type, a bound, a validator, a choice without a default.
	constrains meaning = iota
	// structured: fields, some of which have values.
	structured
	// gives: a value without fields, or a default.
	gives
)

// reader tells what expressions mean without evaluating them. CUE's kinds
// cannot tell it: by the time a value is known, the lines of the base and of
// its overlay are unified, and the one that has to give way has failed the
// other.
type reader struct {
	p *Prepared
	// roots are the values of the root's private names, as they are renamed.
	roots map[string][]ast.Expr
	// following guards against names that lead to themselves.
	following map[ast.Expr]bool
}

func newReader(p *Prepared, sources []*source) *reader {
	r := &reader{p: p, roots: map[string][]ast.Expr{}, following: map[ast.Expr]bool{}}
	for _, s := range sources {
		if s.tree == nil {
			continue
		}
		for _, part := range s.parts(p.target) {
			if part.at.joins() && !part.elsewhere {
				r.addRoots(part.value)
			}
		}
	}
	return r
}

func (r *reader) addRoots(x ast.Expr) {
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

// meaning tells what an expression contributes. What cannot be told without
// evaluation is a value: constraints are written as such.
func (r *reader) meaning(x ast.Expr) meaning {
	switch x := x.(type) {
	case *ast.BottomLit:
		return constrains
	case *ast.StructLit:
		return r.ofStruct(x)
	case *ast.ListLit:
		return r.ofList(x)
	case *ast.ParenExpr:
		return r.meaning(x.X)
	case *ast.Alias:
		return r.meaning(x.Expr)
	case *ast.PostfixExpr:
		return r.meaning(x.X)
	case *ast.UnaryExpr:
		switch x.Op {
		case token.ADD, token.SUB, token.NOT, token.MUL:
			return gives
		}
		return constrains
	case *ast.BinaryExpr:
		switch x.Op {
		case token.AND:
			return max(r.meaning(x.X), r.meaning(x.Y))
		case token.OR:
			if hasDefault(x) {
				return gives
			}
			return constrains
		}
		return gives
	case *ast.CallExpr:
		return r.ofCall(x)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return r.ofReference(x)
	}
	return gives
}

// hasDefault says whether one of a disjunction's operands is marked.
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

func (r *reader) ofStruct(x *ast.StructLit) meaning {
	found := constrains
	if len(x.Elts) == 0 {
		found = structured
	}
	for _, decl := range x.Elts {
		switch d := decl.(type) {
		case *ast.Field:
			if d.Constraint == token.ILLEGAL && r.meaning(d.Value) > constrains {
				found = structured
			}
		case *ast.EmbedDecl:
			// `{"x"}` is a text.
			found = max(found, r.meaning(d.Expr))
		case *ast.Comprehension:
			found = max(found, structured)
		}
	}
	return found
}

// ofList: a list is a value as a whole, unless all it says is what elements
// have to be.
func (r *reader) ofList(x *ast.ListLit) meaning {
	if len(x.Elts) == 0 {
		return gives
	}
	for _, item := range x.Elts {
		if _, open := item.(*ast.Ellipsis); open {
			continue
		}
		if _, many := item.(*ast.Comprehension); many || r.meaning(item) > constrains {
			return gives
		}
	}
	return constrains
}

func (r *reader) ofCall(x *ast.CallExpr) meaning {
	switch fun := x.Fun.(type) {
	case *ast.Ident:
		switch strings.TrimPrefix(fun.Name, "__") {
		case "close":
			if len(x.Args) == 1 {
				return r.meaning(x.Args[0])
			}
		case "and", "or", "matchN", "matchIf", "error":
			return constrains
		}
	case *ast.SelectorExpr:
		path, name, ok := standardFunction(fun)
		switch {
		case !ok:
		case strings.HasPrefix(name, "Unmarshal"):
			return structured
		case validates(path, name, len(x.Args)):
			return constrains
		}
	}
	return gives
}

// ofReference follows a name to what it stands for. A field of the model
// stands for the value that it has in the end, whatever one line says of it.
func (r *reader) ofReference(x ast.Expr) meaning {
	if ident, ok := x.(*ast.Ident); ok && ident.Node == nil && (ident.Name == "_" || predeclared(ident.Name)) {
		return constrains
	}
	if selector, ok := x.(*ast.SelectorExpr); ok {
		if path, name, ok := standardFunction(selector); ok {
			if validates(path, name, -1) {
				return constrains
			}
			return gives
		}
	}
	if r.following[x] {
		return constrains
	}
	r.following[x] = true
	defer delete(r.following, x)
	found := constrains
	targets, private := r.follow(x)
	for _, target := range targets {
		found = max(found, r.meaning(target))
	}
	if len(targets) == 0 || !private && found == constrains {
		return gives
	}
	return found
}

// follow lists the expressions that a reference stands for; none where that
// takes evaluation. Private ones say all there is: they are written by lets,
// hidden fields, definitions and packages.
func (r *reader) follow(x ast.Expr) (targets []ast.Expr, private bool) {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return r.follow(x.X)
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
			// A field, or the variable of a clause, which has that name itself.
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
		if name, ok := r.text(x.Index); ok {
			return r.below(x.X, func(field string) bool { return field == name })
		}
		return r.below(x.X, func(string) bool { return true })
	}
	return nil, false
}

// below lists the values of fields, or the elements of lists, in what a
// reference stands for.
func (r *reader) below(x ast.Expr, wanted func(name string) bool) (found []ast.Expr, private bool) {
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

func (r *reader) fields(x ast.Expr, wanted func(name string) bool, found *[]ast.Expr) {
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

// elements are those that a list literal may have.
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

// text is the text that an expression is known to be.
func (r *reader) text(x ast.Expr) (string, bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		return plainString(x)
	case *ast.ParenExpr:
		return r.text(x.X)
	case *ast.Interpolation:
		return r.interpolated(x)
	case *ast.BinaryExpr:
		left, ok := r.text(x.X)
		right, also := r.text(x.Y)
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
			if r.meaning(target) == constrains {
				continue
			}
			text, ok := r.text(target)
			if !ok || found && text != known {
				return "", false
			}
			known, found = text, true
		}
		return known, found
	}
	return "", false
}

// isRoot says whether a plain name means a field of the root.
func (r *reader) isRoot(x *ast.Ident) bool {
	_, ofFile := x.Scope.(*ast.File)
	return x.Node == nil || ofFile
}

func (r *reader) interpolated(x *ast.Interpolation) (string, bool) {
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
			text, ok := r.text(part)
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

// label is the name that a field has, also where that is written as an
// expression.
func (r *reader) label(label ast.Label) (string, bool) {
	switch x := label.(type) {
	case *ast.ParenExpr:
		return r.text(x.X)
	case *ast.Interpolation:
		return r.text(x)
	}
	return staticName(label)
}

// written are the expressions of a root field of the package.
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

// standardFunction is the package and the name that an expression selects from
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

// validates says whether a function of the standard library, given some
// arguments or none at all (-1), is a validator. CUE is asked: a function
// becomes one by the argument that it lacks.
func validates(path, name string, arguments int) bool {
	call := name
	if arguments >= 0 {
		call += "(" + strings.TrimSuffix(strings.Repeat("_,", arguments), ",") + ")"
	}
	pkg := path[strings.LastIndexByte(path, '/')+1:]
	key := path + "." + call
	if known, ok := validators.Load(key); ok {
		return known.(bool)
	}
	value := cuecontext.New().CompileString("import \"" + path + "\"\nx: " + pkg + "." + call)
	x := value.LookupPath(cue.ParsePath("x"))
	is := x.Err() == nil && x.Exists() && !x.IsConcrete()
	validators.Store(key, is)
	return is
}

// validators remembers what CUE said.
var validators sync.Map
