package syntax

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// names are all names that stand at the root of the target.
type names struct {
	// fields are the plain root fields, by whether they may be referred to.
	fields map[string]bool
	// private are the definitions and hidden fields: name, then team, then
	// the labels.
	private map[string]map[string][]*ast.Ident
	// teams numbers the teams; the system's own files are a team of their own.
	teams map[string]int
	// used are the root fields that something refers to.
	used map[string]bool
}

// collectNames looks through everything that joins the root in this target.
func collectNames(p *Prepared, sources []*source) *names {
	n := &names{
		fields:  map[string]bool{},
		private: map[string]map[string][]*ast.Ident{},
		teams:   map[string]int{},
		used:    map[string]bool{},
	}
	for _, name := range rootFields {
		n.fields[name] = !slices.Contains(takenOut, name)
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
			case !part.at.joins() || part.elsewhere:
			case i == 0:
				n.collect(s.Team, part.value)
			default:
				n.collectOwn(s.Team, part.value)
			}
		}
	}
	for name, teams := range n.private {
		for team := range teams {
			p.private[n.renamed(name, team)] = name
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
				n.collectOwn(team, d.Value)
			case *ast.EmbedDecl:
				n.collectOwn(team, d.Expr)
			case ast.Expr:
				n.collectOwn(team, d)
			}
		}
	})
}

// collectOwn looks through what is embedded at the root. Next to something that
// is taken in from elsewhere, private names are its parameters.
func (n *names) collectOwn(team string, x ast.Expr) {
	if !takesIn(x) {
		n.collect(team, x)
	}
}

// takesIn says whether an expression unifies or embeds anything but literals.
func takesIn(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.StructLit:
		return slices.ContainsFunc(x.Elts, func(decl ast.Decl) bool {
			embedded, ok := decl.(*ast.EmbedDecl)
			return ok && takesIn(embedded.Expr)
		})
	case *ast.ParenExpr:
		return takesIn(x.X)
	case *ast.BinaryExpr:
		return x.Op != token.AND || takesIn(x.X) || takesIn(x.Y)
	}
	return true
}

// joinShared makes a team's private name mean what the system's files say of it
// as well, as in CUE: for that team, and for no other.
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
			var value ast.Expr = ast.NewIdent(n.renamed(name, ""))
			if strings.Contains(name, "#") {
				// An embedding keeps a definition open to the team's own fields, as
				// CUE does where several files declare one.
				value = &ast.StructLit{Elts: []ast.Decl{&ast.EmbedDecl{Expr: value}}}
			}
			field := &ast.Field{Label: ast.NewIdent(n.renamed(name, team)), Value: value}
			p.joinedNames[field] = true
			sources[at].base = append(sources[at].base, field)
		}
	}
}

// Joined says whether kcc declared a field so that a team's private name means
// what the system's files say of it as well.
func (p *Prepared) Joined(field *ast.Field) bool {
	return p.joinedNames[field]
}

// renamed is what a private name is called in the tree: no name that a
// fragment writes can be the same, because all of them are renamed.
func (n *names) renamed(name, team string) string {
	return name + "$" + strconv.Itoa(n.teams[team])
}

// owner is the team whose private name is meant: the one that speaks, else
// the system itself.
func (n *names) owner(name, team string) (string, bool) {
	teams := n.private[name]
	if _, ok := teams[team]; ok {
		return team, true
	}
	_, ok := teams[""]
	return "", ok
}

// foreign describes a private name that only other teams have.
func (n *names) foreign(p *Prepared, x *ast.Ident) (wire.Error, bool) {
	teams := n.private[x.Name]
	if len(teams) == 0 {
		return wire.Error{}, false
	}
	e := p.mark(wire.Error{Code: wire.PrivateName}, x)
	order := slices.Sorted(maps.Keys(teams))
	for _, team := range order {
		for _, label := range teams[team] {
			e = p.mark(e, label)
		}
	}
	return e.With("name", x.Name).With("team", order[0]), true
}
