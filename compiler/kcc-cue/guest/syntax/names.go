package syntax

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// names are all names declared at the root for the target.
type names struct {
	// fields has the plain root fields, and whether they may be referred to.
	fields map[string]bool
	// private has the labels of definitions and hidden fields, by name and team.
	private map[string]map[string][]*ast.Ident
	// teams numbers the teams; the system's own files count as one.
	teams map[string]int
	// used holds the root fields that something refers to.
	used map[string]bool
}

// collectNames collects the names of everything that joins the root for this
// target.
func collectNames(p *Prepared, sources []*source) *names {
	n := &names{
		fields:  map[string]bool{},
		private: map[string]map[string][]*ast.Ident{},
		teams:   map[string]int{},
		used:    map[string]bool{},
	}
	for _, name := range schema.Shipped().RootFields() {
		n.fields[name] = !slices.Contains(schema.Shipped().BlockFields(), name)
	}
	teams := map[string]bool{}
	for _, s := range sources {
		teams[s.Team] = true
	}
	for number, team := range slices.Sorted(maps.Keys(teams)) {
		n.teams[team] = number
	}
	for _, s := range sources {
		if s.tree == nil {
			continue
		}
		for i, part := range s.parts(p.target) {
			switch {
			case !part.at.joins() || part.inactive:
			case i == 0:
				n.collect(s.Team, part.value)
			default:
				n.collectEmbedded(s.Team, part.value)
			}
		}
	}
	for name, teams := range n.private {
		for team := range teams {
			p.private[n.uniqueName(name, team)] = name
		}
	}
	return n
}

func (n *names) collect(team string, x ast.Expr) {
	eachStruct(x, func(lit *ast.StructLit) {
		for _, decl := range lit.Elts {
			switch d := decl.(type) {
			case *ast.Field:
				if label := privateLabel(d.Label); label != nil {
					teams := n.private[label.Name]
					if teams == nil {
						teams = map[string][]*ast.Ident{}
						n.private[label.Name] = teams
					}
					teams[team] = append(teams[team], label)
				}
			case *ast.Comprehension:
				n.collectEmbedded(team, d.Value)
			case *ast.EmbedDecl:
				n.collectEmbedded(team, d.Expr)
			case ast.Expr:
				n.collectEmbedded(team, d)
			}
		}
	})
}

// collectEmbedded collects the names of what is embedded at the root. Beside an
// embedding from elsewhere, private names are its parameters.
func (n *names) collectEmbedded(team string, x ast.Expr) {
	if !embedsReferences(x) {
		n.collect(team, x)
	}
}

// embedsReferences reports whether an expression unifies or embeds anything but
// literals.
func embedsReferences(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.StructLit:
		return slices.ContainsFunc(x.Elts, func(decl ast.Decl) bool {
			embedded, ok := decl.(*ast.EmbedDecl)
			return ok && embedsReferences(embedded.Expr)
		})
	case *ast.ParenExpr:
		return embedsReferences(x.X)
	case *ast.BinaryExpr:
		return x.Op != token.AND || embedsReferences(x.X) || embedsReferences(x.Y)
	}
	return true
}

// joinShared adds what the system's files declare under a private name to a
// team's own name, as CUE would, for that team only.
func (n *names) joinShared(p *Prepared, sources []*source) {
	for name, teams := range n.private {
		if _, shared := teams[""]; !shared {
			continue
		}
		for team := range teams {
			at := slices.IndexFunc(sources, func(s *source) bool { return s.Team == team && s.tree != nil })
			if team == "" || at < 0 {
				continue
			}
			var value ast.Expr = ast.NewIdent(n.uniqueName(name, ""))
			if strings.Contains(name, "#") {
				// An embedding keeps a definition open for the team's own fields,
				// as CUE does where several files declare one.
				value = &ast.StructLit{Elts: []ast.Decl{&ast.EmbedDecl{Expr: value}}}
			}
			field := &ast.Field{Label: ast.NewIdent(n.uniqueName(name, team)), Value: value}
			p.joinedNames[field] = true
			sources[at].base = append(sources[at].base, field)
		}
	}
}

// Joined reports whether kcc declared a field to add what the system's files
// declare under a private name to a team's own name.
func (p *Prepared) Joined(field *ast.Field) bool {
	return p.joinedNames[field]
}

// uniqueName returns the name of a private field in the tree. No name that a
// fragment writes can be equal to it, because all private names are renamed.
func (n *names) uniqueName(name, team string) string {
	return name + "$" + strconv.Itoa(n.teams[team])
}

// owner returns the team whose private name is referred to: the given one, else
// the system itself.
func (n *names) owner(name, team string) (string, bool) {
	teams := n.private[name]
	if _, ok := teams[team]; ok {
		return team, true
	}
	_, ok := teams[""]
	return "", ok
}

// privateElsewhere describes a private name that only other teams declare.
func (n *names) privateElsewhere(p *Prepared, x *ast.Ident) (wire.Fault, bool) {
	teams := n.private[x.Name]
	if len(teams) == 0 {
		return wire.Fault{}, false
	}
	order := slices.Sorted(maps.Keys(teams))
	e := p.withLabel(wire.Fault{Detail: wire.PrivateName{Name: x.Name, Team: order[0]}}, x)
	for _, team := range order {
		for _, label := range teams[team] {
			e = p.withLabel(e, label)
		}
	}
	return e, true
}
