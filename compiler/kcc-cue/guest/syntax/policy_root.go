package syntax

import (
	"slices"
	"strconv"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/schema"
)

// modelFieldName is the hidden root field that holds the finished model.
const modelFieldName = "_model$"

// PolicyRoot is the package in which policies are evaluated: the finished model
// at the root, the fragments' definitions, hidden fields and lets, and the
// policies. References in a policy therefore see every value that it is checked
// against, including defaults and both spellings.
type PolicyRoot struct {
	// Root is the whole package.
	Root cue.Value
	// Model is the finished model alone, as data.
	Model cue.Value
	// Embedded is what each file embeds at the root, evaluated over the finished
	// model.
	Embedded []Embedded
}

// Embedded is everything that one file embeds at the root.
type Embedded struct {
	*File
	// Path is its path in the root.
	Path cue.Path
}

// BuildPolicyRoot builds the package of the policies over the finished model. The
// files' embeddings are evaluated again only where they contain policies.
func (p *Prepared) BuildPolicyRoot(ctx *cue.Context, model *ast.StructLit, embedded bool) (PolicyRoot, error) {
	files := make([]*ast.File, 0, len(p.Files)+1)
	var finished PolicyRoot
	for i, file := range p.Files {
		tree := &ast.File{Filename: file.AST.Filename, Decls: privateDecls(file.AST.Decls)}
		if decls := embeddings(file.AST.Decls); embedded && len(decls) > 0 {
			name := "_embedded$" + strconv.Itoa(i)
			tree.Decls = append(tree.Decls, &ast.Field{
				Label: ast.NewIdent(name), Value: &ast.StructLit{Elts: decls},
			})
			finished.Embedded = append(finished.Embedded, Embedded{file, p.hidden(name)})
		}
		p.prune(tree)
		files = append(files, tree)
	}
	files = append(files, p.policyRootFile(model))
	root, failed := p.buildWith(ctx, files)
	if failed != nil {
		return PolicyRoot{}, failed
	}
	finished.Root, finished.Model = root, root.LookupPath(p.hidden(modelFieldName))
	return finished, nil
}

// embeddings returns the root declarations that bring in fields without naming
// them, or with a name that needs evaluation. One that also defines private names stays at the root for their sake: a
// tree cannot be in two places.
func embeddings(decls []ast.Decl) []ast.Decl {
	var found []ast.Decl
	for _, decl := range decls {
		var embedded ast.Expr
		switch d := decl.(type) {
		case *ast.EmbedDecl:
			embedded = d.Expr
		case *ast.Comprehension:
			embedded = d.Value
		case ast.Expr:
			embedded = d
		case *ast.Field:
			if _, static := staticName(d.Label); !static {
				found = append(found, d)
			}
		}
		if embedded != nil && privatePart(embedded) == nil {
			found = append(found, decl)
		}
	}
	return found
}

// policyRootFile declares the model and the other fields of the root.
func (p *Prepared) policyRootFile(model *ast.StructLit) *ast.File {
	file := &ast.File{Decls: []ast.Decl{
		&ast.Package{Name: ast.NewIdent(p.pkg)},
		&ast.Field{Label: ast.NewIdent(modelFieldName), Value: model},
	}}
	var given []string
	for _, decl := range model.Elts {
		name, _ := staticName(decl.(*ast.Field).Label)
		given = append(given, name)
		file.Decls = append(file.Decls, &ast.Field{
			Label: ast.NewIdent(name), Value: modelField(name),
		})
	}
	for _, name := range schema.Shipped().RootFields() {
		if !slices.Contains(given, name) && name != "system" && name != "kinds" {
			// The system has none; a policy may still range over them.
			file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(name), Value: &ast.StructLit{}})
		}
	}
	for _, name := range []string{"system", "kinds"} {
		file.Decls = append(file.Decls, &ast.Field{
			Label: ast.NewIdent(name), Constraint: token.OPTION, Value: ast.NewIdent("_"),
		})
	}
	file.Decls = append(file.Decls, p.placeholders...)
	if p.allPolicies != nil {
		file.Decls = append(file.Decls, p.allPolicies)
	}
	return file
}

// modelField returns the value of a root field in the finished model.
func modelField(name string) ast.Expr {
	if name == "" {
		return ast.NewIdent("_")
	}
	return &ast.SelectorExpr{X: ast.NewIdent(modelFieldName), Sel: ast.NewString(name)}
}

// aliasOf returns a field's alias in its file, or nil.
func aliasOf(field *ast.Field) *ast.Ident {
	if alias, ok := field.Label.(*ast.Alias); ok {
		return alias.Ident
	}
	if field.Alias != nil {
		return field.Alias.Field
	}
	return nil
}

// privateDecls returns the declarations of a root without the fields of the
// model, which come from the finished model.
func privateDecls(decls []ast.Decl) []ast.Decl {
	var remaining []ast.Decl
	for _, decl := range decls {
		switch d := decl.(type) {
		case *ast.ImportDecl:
			// Pruning modifies the list of imports.
			own := *d
			own.Specs = slices.Clone(d.Specs)
			remaining = append(remaining, &own)
		case *ast.Field:
			name, _ := staticName(d.Label)
			if isPrivateLabel(d.Label) || name == "system" || name == "kinds" {
				remaining = append(remaining, d)
			} else if alias := aliasOf(d); alias != nil {
				remaining = append(remaining, &ast.LetClause{Ident: alias, Expr: modelField(name)})
			}
		case *ast.EmbedDecl:
			if lit := privatePart(d.Expr); lit != nil {
				remaining = append(remaining, &ast.EmbedDecl{Expr: lit})
			}
		case *ast.Comprehension:
			if lit := privatePart(d.Value); lit != nil {
				remaining = append(remaining, &ast.Comprehension{Clauses: d.Clauses, Value: lit})
			}
		case *ast.Package, *ast.LetClause:
			remaining = append(remaining, d)
		case ast.Expr:
			if lit := privatePart(d); lit != nil {
				remaining = append(remaining, &ast.EmbedDecl{Expr: lit})
			}
		}
	}
	return remaining
}

// privatePart returns what an expression embedded at the root defines there
// besides fields of the model, or nil.
func privatePart(x ast.Expr) ast.Expr {
	var part *ast.StructLit
	eachStruct(x, func(lit *ast.StructLit) {
		decls := privateDecls(lit.Elts)
		if !slices.ContainsFunc(decls, func(decl ast.Decl) bool { _, let := decl.(*ast.LetClause); return !let }) {
			return
		}
		if part == nil {
			part = &ast.StructLit{Lbrace: lit.Lbrace, Rbrace: lit.Rbrace}
		}
		part.Elts = append(part.Elts, decls...)
	})
	if part == nil {
		return nil
	}
	return part
}
