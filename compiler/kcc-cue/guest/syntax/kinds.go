package syntax

import (
	"cuelang.org/go/cue/ast"
)

// inputField is the field in which a kind's recipe sees the backing.
const inputField = "in"

// declareInput declares the input in each kind that does not, so that its recipe
// can refer to it.
func declareInput(kinds ast.Expr) {
	eachStruct(kinds, func(all *ast.StructLit) {
		for _, decl := range all.Elts {
			kind, ok := decl.(*ast.Field)
			if !ok {
				continue
			}
			eachStruct(kind.Value, func(recipe *ast.StructLit) {
				for _, decl := range recipe.Elts {
					if field, ok := decl.(*ast.Field); ok {
						if name, ok := staticName(field.Label); ok && name == inputField {
							return
						}
					}
				}
				input := &ast.Field{Label: ast.NewIdent(inputField), Value: ast.NewIdent("_")}
				recipe.Elts = append([]ast.Decl{input}, recipe.Elts...)
			})
		}
	})
}
