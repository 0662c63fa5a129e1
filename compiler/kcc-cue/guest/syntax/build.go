package syntax

import (
	"fmt"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// maxRounds bounds how many constructs are removed one after the other.
const maxRounds = 50

// packageID tells CUE which package a hidden field belongs to.
func (p *Prepared) packageID() string {
	return ":" + p.pkg
}

// Build builds all files into one value. What CUE refuses to compile although
// every name resolves becomes an error with the code `bad-expression` and a `_`,
// because one such expression would leave no team with a value.
func (p *Prepared) Build(ctx *cue.Context) (cue.Value, []wire.Fault) {
	var refused []wire.Fault
	for range maxRounds {
		built, failed := p.buildAll(ctx)
		if failed == nil {
			return built, refused
		}
		found := p.removeRefused(failed)
		refused = append(refused, found...)
		if len(found) == 0 {
			// Without a position there is nothing to remove, and no value at all.
			return value(ctx), append(refused, wire.Fault{Detail: wire.Internal{Message: errors.Details(failed, nil)}})
		}
	}
	return value(ctx), refused
}

// buildAll builds the packages in order, then the fragments, up to the first that
// fails.
func (p *Prepared) buildAll(ctx *cue.Context) (cue.Value, errors.Error) {
	return p.buildWith(ctx, append(asts(p.Files), p.extra))
}

// buildWith builds the packages and then files as the main package.
func (p *Prepared) buildWith(ctx *cue.Context, files []*ast.File) (cue.Value, errors.Error) {
	built := map[string]*build.Instance{}
	context := build.NewContext(build.Loader(func(_ token.Pos, path string) *build.Instance {
		// nil for CUE's own.
		return built[path]
	}))
	one := func(path string, files []*ast.File) (cue.Value, errors.Error) {
		inst := context.NewInstance("", nil)
		inst.ImportPath = path
		var failed errors.Error
		for _, file := range files {
			clearResolution(file)
			failed = errors.Append(failed, inst.AddSyntax(file))
		}
		failed = errors.Append(failed, inst.Err)
		if failed != nil {
			return cue.Value{}, failed
		}
		built[path] = inst
		return ctx.BuildInstance(inst), inst.Err
	}
	for _, pkg := range p.Packages {
		value, failed := one(pkg.Path, asts(pkg.Files))
		if failed != nil {
			return cue.Value{}, failed
		}
		pkg.Value = value
	}
	return one("", files)
}

func value(ctx *cue.Context) cue.Value {
	return ctx.CompileString("{}")
}

func asts(files []*File) []*ast.File {
	trees := make([]*ast.File, len(files))
	for i, file := range files {
		trees[i] = file.AST
	}
	return trees
}

// AllFiles returns the fragments and the files of all packages.
func (p *Prepared) AllFiles() []*File {
	files := slices.Clone(p.Files)
	for _, pkg := range p.Packages {
		files = append(files, pkg.Files...)
	}
	return files
}

// clearResolution resets the bindings CUE resolved before the rewrite.
func clearResolution(file *ast.File) {
	file.Unresolved = nil
	ast.Walk(file, func(node ast.Node) bool {
		if ident, ok := node.(*ast.Ident); ok {
			ident.Node, ident.Scope = nil, nil
		}
		return true
	}, nil)
}

// removeRefused replaces the expressions that the errors point at.
func (p *Prepared) removeRefused(failed errors.Error) []wire.Fault {
	var found []wire.Fault
	seen := map[wire.Span]bool{}
	for _, e := range errors.Errors(failed) {
		span, ok := p.Position(e.Position())
		if !ok || seen[span] {
			continue
		}
		seen[span] = true
		if node := p.removeAt(e.Position(), func(x ast.Expr) ast.Expr { return p.drop(x) }); node != nil {
			// Without the path CUE puts in front.
			format, args := e.Msg()
			message := p.Originals(fmt.Sprintf(format, args...))
			refused := wire.RefusedExpression{Cause: wire.Cause{Message: message}}
			found = append(found, p.withLabel(wire.Fault{Detail: refused}, node))
		}
	}
	return found
}

// Remove removes the declaration or value at a position, as if nobody had written
// it, and returns it; nil if there is none.
func (p *Prepared) Remove(pos token.Pos) ast.Node {
	return p.removeAt(pos, func(x ast.Expr) ast.Expr {
		ident := p.drop(x)
		delete(p.dropped, ident)
		p.removed[ident] = true
		return ident
	})
}

// removeAt replaces the value of the innermost field around a position or removes
// the declaration, and returns what it removed.
func (p *Prepared) removeAt(pos token.Pos, replace func(ast.Expr) ast.Expr) ast.Node {
	span, ok := p.Position(pos)
	if !ok {
		return nil
	}
	contains := func(node ast.Node) bool {
		in, ok := p.Span(node)
		return ok && in.File == span.File && in.Start <= span.Start && span.Start <= in.End
	}
	for _, file := range p.AllFiles() {
		if file.Index != span.File {
			continue
		}
		var apply func()
		var taken ast.Node
		visit := func(decls *[]ast.Decl) {
			for i, decl := range *decls {
				switch d := decl.(type) {
				case *ast.Package, *ast.ImportDecl:
					continue
				case *ast.Field:
					if d.Value != nil && contains(d.Value) && !p.dropped[d.Value] && !p.removed[d.Value] {
						taken, apply = d.Value, func() { d.Value = replace(d.Value) }
						continue
					}
				}
				if contains(decl) {
					taken, apply = decl, func() { *decls = append((*decls)[:i:i], (*decls)[i+1:]...) }
				}
			}
		}
		visit(&file.AST.Decls)
		ast.Walk(file.AST, func(node ast.Node) bool {
			if lit, ok := node.(*ast.StructLit); ok {
				visit(&lit.Elts)
			}
			return true
		}, nil)
		if apply == nil {
			continue
		}
		apply()
		p.markPartial(file.Index)
		p.prune(file.AST)
		return taken
	}
	return nil
}
