package syntax

import (
	"slices"
	"strconv"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// finishedModel is the hidden root field that holds the finished model.
const finishedModel = "_model$"

// Finished is the package in which policies are evaluated: the finished model
// at the root, the fragments' own definitions, hidden fields and lets, and the
// policies. An expression of a policy therefore sees every value that the
// policy is checked against, filled-in ones and both spellings included.
type Finished struct {
	// Root is the whole package.
	Root cue.Value
	// Model is the finished model alone, as data.
	Model cue.Value
	// Embedded is what each file embeds at the root, with the finished model
	// for what it refers to.
	Embedded []Embedded
}

// Embedded is everything that one file embeds at the root.
type Embedded struct {
	*File
	// Path leads to it in the root.
	Path cue.Path
}

// Finish builds the package of the policies over the finished model. What files
// embed is evaluated again only where it holds policies.
func (p *Prepared) Finish(ctx *cue.Context, model *ast.StructLit, embedded bool) (Finished, error) {
	files := make([]*ast.File, 0, len(p.Files)+1)
	var finished Finished
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
	files = append(files, p.finishedRoot(model))
	root, failed := p.buildWith(ctx, files)
	if failed != nil {
		return Finished{}, failed
	}
	finished.Root, finished.Model = root, root.LookupPath(p.hidden(finishedModel))
	return finished, nil
}

// embeddings are the declarations of a root that bring in fields which they do
// not name. One that defines private names as well is at the root for these: a
// tree cannot stand in two places.
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
		}
		if embedded != nil && privatePart(embedded) == nil {
			found = append(found, decl)
		}
	}
	return found
}

// finishedRoot declares the model and what else stands at the root.
func (p *Prepared) finishedRoot(model *ast.StructLit) *ast.File {
	file := &ast.File{Decls: []ast.Decl{
		&ast.Package{Name: ast.NewIdent(p.pkg)},
		&ast.Field{Label: ast.NewIdent(finishedModel), Value: model},
	}}
	var given []string
	for _, decl := range model.Elts {
		name, _ := staticName(decl.(*ast.Field).Label)
		given = append(given, name)
		file.Decls = append(file.Decls, &ast.Field{
			Label: ast.NewIdent(name), Value: modelField(name),
		})
	}
	for _, name := range rootFields {
		if !slices.Contains(given, name) && name != "system" && name != "kinds" {
			// The system has none: a rule may still go over all of them.
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

// modelField is the value of a root field in the finished model.
func modelField(name string) ast.Expr {
	if name == "" {
		return ast.NewIdent("_")
	}
	return &ast.SelectorExpr{X: ast.NewIdent(finishedModel), Sel: ast.NewString(name)}
}

// aliasOf is the other name that a field has in its file; nil if it has none.
func aliasOf(field *ast.Field) *ast.Ident {
	if alias, ok := field.Label.(*ast.Alias); ok {
		return alias.Ident
	}
	if field.Alias != nil {
		return field.Alias.Field
	}
	return nil
}

// privateDecls are the declarations of a root without the fields of the model,
// which the finished model has.
func privateDecls(decls []ast.Decl) []ast.Decl {
	var kept []ast.Decl
	for _, decl := range decls {
		switch d := decl.(type) {
		case *ast.ImportDecl:
			// Pruning changes the list of what it imports.
			own := *d
			own.Specs = slices.Clone(d.Specs)
			kept = append(kept, &own)
		case *ast.Field:
			name, _ := staticName(d.Label)
			if isPrivateLabel(d.Label) || name == "system" || name == "kinds" {
				kept = append(kept, d)
			} else if alias := aliasOf(d); alias != nil {
				kept = append(kept, &ast.LetClause{Ident: alias, Expr: modelField(name)})
			}
		case *ast.EmbedDecl:
			if lit := privatePart(d.Expr); lit != nil {
				kept = append(kept, &ast.EmbedDecl{Expr: lit})
			}
		case *ast.Comprehension:
			if lit := privatePart(d.Value); lit != nil {
				kept = append(kept, &ast.Comprehension{Clauses: d.Clauses, Value: lit})
			}
		case *ast.Package, *ast.LetClause:
			kept = append(kept, d)
		case ast.Expr:
			if lit := privatePart(d); lit != nil {
				kept = append(kept, &ast.EmbedDecl{Expr: lit})
			}
		}
	}
	return kept
}

// privatePart is what an expression embedded at the root defines there besides
// fields of the model; nil if nothing.
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
