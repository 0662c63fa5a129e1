package differential

import (
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// through returns an equivalent expression.
type through func(t *trees, tree *tree, value ast.Expr) ast.Expr

// eachComponent rewrites every component.
func eachComponent(write through) func(*trees) {
	return func(t *trees) {
		for _, c := range t.components() {
			c.field.Value = write(t, c.tree, c.field.Value)
		}
	}
}

// eachRootField rewrites every root field of components.
func eachRootField(write through) func(*trees) {
	return func(t *trees) {
		for _, tree := range t.files {
			for _, decl := range tree.file.Decls {
				root, ok := decl.(*ast.Field)
				if ok && slices.Contains(componentRoots, plainName(root.Label)) && root.Constraint == token.ILLEGAL && !isAlias(root.Value) {
					root.Value = write(t, tree, root.Value)
				}
			}
		}
	}
}

func throughTemplate(t *trees, tree *tree, value ast.Expr) ast.Expr {
	name := t.fresh("_")
	tree.hoisted = append(tree.hoisted, &ast.Field{Label: ast.NewIdent(name), Value: value})
	return ast.NewIdent(name)
}

// throughDefinition leaves the definition open, because others may add to it.
func throughDefinition(t *trees, tree *tree, value ast.Expr) ast.Expr {
	name := t.fresh("#")
	if lit, ok := value.(*ast.StructLit); ok {
		if n := len(lit.Elts); n == 0 || !isEllipsis(lit.Elts[n-1]) {
			lit.Elts = append(lit.Elts, &ast.Ellipsis{})
			lit.Lbrace, lit.Rbrace = token.Blank.Pos(), token.Newline.Pos()
		}
	}
	tree.hoisted = append(tree.hoisted, &ast.Field{Label: ast.NewIdent(name), Value: value})
	return ast.NewIdent(name)
}

func isEllipsis(decl ast.Decl) bool {
	_, ok := decl.(*ast.Ellipsis)
	return ok
}

func throughLet(t *trees, tree *tree, value ast.Expr) ast.Expr {
	name := t.fresh("")
	tree.hoisted = append(tree.hoisted, &ast.LetClause{Ident: ast.NewIdent(name), Expr: value})
	return ast.NewIdent(name)
}

// throughPackage moves a value without outside references into a package.
func throughPackage(t *trees, tree *tree, value ast.Expr) ast.Expr {
	name := t.fresh("")
	text, err := format.Node(&ast.File{Decls: []ast.Decl{
		&ast.Package{Name: ast.NewIdent(name)}, &ast.Field{Label: ast.NewIdent("value"), Value: value},
	}})
	if err != nil {
		return value
	}
	parsed, err := parser.ParseFile("package.cue", text)
	if err != nil {
		return value
	}
	for _, ident := range parsed.Unresolved {
		// The name in the package clause is among them.
		if ident.Name != name && !slices.Contains(predeclared, ident.Name) {
			return value
		}
	}
	t.extra = append(t.extra, file{name: name + "/package.cue", text: string(text)})
	tree.imports = append(tree.imports, module+"/"+name)
	return &ast.SelectorExpr{X: ast.NewIdent(name), Sel: ast.NewIdent("value")}
}

// predeclared are the names available in packages and fragments alike.
var predeclared = []string{
	"_", "string", "bytes", "bool", "int", "float", "number", "uint", "uint8", "len", "close", "and", "or",
	"div", "mod", "quo", "rem", "matchN", "matchIf", "true", "false", "null",
}

func throughSelector(_ *trees, _ *tree, value ast.Expr) ast.Expr {
	return &ast.SelectorExpr{
		X:   ast.NewStruct(&ast.Field{Label: ast.NewIdent("part"), Value: value}),
		Sel: ast.NewIdent("part"),
	}
}

func throughIndex(_ *trees, _ *tree, value ast.Expr) ast.Expr {
	return &ast.IndexExpr{X: ast.NewList(value), Index: ast.NewLit(token.INT, "0")}
}

func throughEmbedding(_ *trees, _ *tree, value ast.Expr) ast.Expr {
	return embedding(value)
}

// embedding returns a struct that embeds a value.
func embedding(value ast.Expr) *ast.StructLit {
	return &ast.StructLit{
		Lbrace: token.Blank.Pos(), Rbrace: token.Blank.Pos(), Elts: []ast.Decl{&ast.EmbedDecl{Expr: value}},
	}
}

func throughConjunction(_ *trees, _ *tree, value ast.Expr) ast.Expr {
	return &ast.BinaryExpr{X: &ast.ParenExpr{X: value}, Op: token.AND, Y: ast.NewIdent("_")}
}

// throughComprehension wraps a value in a comprehension with one iteration.
func throughComprehension(_ *trees, _ *tree, value ast.Expr) ast.Expr {
	comprehension := &ast.Comprehension{
		Clauses: []ast.Clause{
			&ast.ForClause{Value: ast.NewIdent("round"), Source: ast.NewList(ast.NewLit(token.INT, "1"))},
			&ast.IfClause{Condition: &ast.BinaryExpr{X: ast.NewIdent("round"), Op: token.EQL, Y: ast.NewLit(token.INT, "1")}},
		},
		Value: embedding(value),
	}
	return &ast.StructLit{
		Lbrace: token.Blank.Pos(), Rbrace: token.Blank.Pos(), Elts: []ast.Decl{comprehension},
	}
}

// embedRootFields moves root fields into hidden structs that are embedded.
func embedRootFields(t *trees) {
	used := t.references()
	for _, tree := range t.files {
		head, body := tree.split()
		for i, decl := range body {
			root, ok := decl.(*ast.Field)
			if !ok || !slices.Contains(componentRoots, plainName(root.Label)) || isAlias(root.Value) || used[plainName(root.Label)] {
				continue
			}
			name := t.fresh("_")
			tree.hoisted = append(tree.hoisted, &ast.Field{Label: ast.NewIdent(name), Value: ast.NewStruct(root)})
			body[i] = &ast.EmbedDecl{Expr: ast.NewIdent(name)}
		}
		tree.file.Decls = append(head, body...)
	}
}

// conditionRootFields puts root fields under a true condition.
func conditionRootFields(t *trees) {
	used := t.references()
	for _, tree := range t.files {
		head, body := tree.split()
		for i, decl := range body {
			root, ok := decl.(*ast.Field)
			if !ok || !slices.Contains(componentRoots, plainName(root.Label)) || isAlias(root.Value) || used[plainName(root.Label)] {
				continue
			}
			body[i] = &ast.Comprehension{
				Clauses: []ast.Clause{&ast.IfClause{Condition: ast.NewIdent("true")}},
				Value:   ast.NewStruct(root),
			}
		}
		tree.file.Decls = append(head, body...)
	}
}

// makeRootLabelsDynamic writes `services` as `("services")`.
func makeRootLabelsDynamic(t *trees) {
	used := t.references()
	for _, tree := range t.files {
		for _, decl := range tree.file.Decls {
			root, ok := decl.(*ast.Field)
			if ok && slices.Contains(componentRoots, plainName(root.Label)) && !used[plainName(root.Label)] {
				root.Label = &ast.ParenExpr{X: ast.NewString(plainName(root.Label))}
			}
		}
	}
}

// interpolateComponentLabels writes `web` as `"\("web")"`.
func interpolateComponentLabels(t *trees) {
	used := t.references()
	for _, c := range t.components() {
		if name := plainName(c.field.Label); name != "" && !used[name] {
			c.field.Label = &ast.Interpolation{Elts: []ast.Expr{
				ast.NewLit(token.STRING, `"\(`), ast.NewString(name), ast.NewLit(token.STRING, `)"`),
			}}
		}
	}
}
