package syntax

import (
	"slices"
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

func newPrepared(req *wire.Request) *Prepared {
	return &Prepared{
		importable: map[string]*Package{},
		missing:    map[string]wire.Missing{},

		target:       req.Target,
		targets:      req.Targets,
		pkg:          "system",
		fileIndexes:  map[*token.File]int{},
		lengths:      map[ast.Node]int{},
		dropped:      map[ast.Node]bool{},
		overridden:   map[ast.Node]bool{},
		removed:      map[ast.Node]bool{},
		joinedNames:  map[*ast.Field]bool{},
		extracted:    map[*ast.Field]bool{},
		overlaid:     map[ast.Node]bool{},
		private:      map[string]string{},
		numericPorts: map[string]bool{},
		dataKeys:     map[string]bool{},
		reported:     map[string]bool{},
	}
}

// assemble puts a fragment together as CUE is to build it.
func (p *Prepared) assemble(s *source) {
	decls := []ast.Decl{s.pkg}
	for _, decl := range s.imports {
		decls = append(decls, decl)
	}
	decls = append(decls, s.base...)
	for _, o := range s.overlays {
		if o.target == p.target && !p.dropped[o.value] {
			decls = append(decls, p.overlayDecls(o.value)...)
		}
	}
	for _, defaults := range s.defaults {
		if defaults.overlay != "" && defaults.overlay != p.target || p.dropped[defaults.value] {
			continue
		}
		name := "_defaults$" + strconv.Itoa(len(p.Defaults))
		decls = append(decls, hiddenField(name, defaults.value))
		p.Defaults = append(p.Defaults, DefaultsBlock{
			Team: s.Team, File: s.index, Overlay: defaults.overlay != "", Values: defaults.value, Path: p.hidden(name),
		})
	}
	for _, block := range s.policies {
		if !block.applies || p.dropped[block.require] {
			continue
		}
		makeOptional(block.require)
		name := "_policies$" + strconv.Itoa(len(p.Policies))
		decls = append(decls, hiddenField(name, block.require))
		block.policy.Path = p.hidden(name)
		p.policyNames = append(p.policyNames, name)
		p.Policies = append(p.Policies, block.policy)
	}
	file := &ast.File{Filename: s.Name, Decls: decls}
	p.prune(file)
	p.Files = append(p.Files, &File{Index: s.index, Team: s.Team, AST: file})
}

// overlayDecls returns the declarations that an overlay's block adds to the root.
// Plain fields are added directly, because CUE's work for embeddings grows with
// their number times that of the fields; a block with names of its own is
// embedded.
func (p *Prepared) overlayDecls(block ast.Expr) []ast.Decl {
	lit, ok := block.(*ast.StructLit)
	for i := 0; ok && i < len(lit.Elts); i++ {
		field, isField := lit.Elts[i].(*ast.Field)
		ok = isField && plainLabel(field) != nil
		if isField {
			_, aliased := field.Value.(*ast.Alias)
			ok = ok && !aliased
		}
	}
	if !ok {
		embedded := &ast.EmbedDecl{Expr: block}
		p.overlaid[embedded] = true
		return []ast.Decl{embedded}
	}
	for _, decl := range lit.Elts {
		p.overlaid[decl] = true
	}
	return lit.Elts
}

// Overlaid reports whether a root declaration comes from the target's overlay.
func (p *Prepared) Overlaid(decl ast.Decl) bool {
	return p.overlaid[decl]
}

func hiddenField(name string, value ast.Expr) *ast.Field {
	return &ast.Field{Label: &ast.Ident{NamePos: value.Pos(), Name: name}, Value: value}
}

// allPoliciesName is the hidden root field that unifies all policies.
const allPoliciesName = "_policies$all"

// addPlaceholders declares `target` and every name that fragments refer to and no
// file declares at its root.
func (p *Prepared) addPlaceholders(n *names) {
	declared := map[string]bool{}
	for _, file := range p.Files {
		for _, decl := range file.AST.Decls {
			if field, ok := decl.(*ast.Field); ok {
				if name, ok := identName(field.Label); ok {
					declared[name] = true
				}
			}
		}
	}
	var missing []string
	for name := range n.used {
		if !declared[name] {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	p.extra = &ast.File{Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent(p.pkg)}}}
	for _, name := range missing {
		placeholder := &ast.Field{Label: ast.NewIdent(name), Constraint: token.OPTION, Value: ast.NewIdent("_")}
		p.extra.Decls = append(p.extra.Decls, placeholder)
		if isPrivate(name) {
			p.placeholders = append(p.placeholders, placeholder)
		}
	}
	if len(p.policyNames) > 0 {
		var all ast.Expr = ast.NewIdent(p.policyNames[0])
		for _, name := range p.policyNames[1:] {
			all = &ast.BinaryExpr{X: all, Op: token.AND, Y: ast.NewIdent(name)}
		}
		p.allPolicies = &ast.Field{Label: ast.NewIdent(allPoliciesName), Value: all}
		p.AllPolicies = p.hidden(allPoliciesName)
	}
	if p.target != "" {
		p.extra.Decls = append(p.extra.Decls, &ast.Field{
			Label: ast.NewIdent("target"), Value: ast.NewString(p.target),
		})
	}
}
