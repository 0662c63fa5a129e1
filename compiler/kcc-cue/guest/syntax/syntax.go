// Package syntax does all that happens to the fragments before CUE builds
// them: it parses them, reports what can be seen without evaluating anything,
// and rewrites them into files that CUE builds as one package.
//
// Every node that stays keeps its position in the fragment, so that whatever
// evaluation says can be shown on the line that somebody wrote. Nothing here
// knows the fields of a service, but for those that exclude each other in an
// overlay; that is the schema's matter.
package syntax

import (
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// Prepared is what one target's fragments became.
type Prepared struct {
	// Files are those that could be parsed, wholly or in part, in the order
	// of the request. They build as one package: every name resolves.
	Files []*File
	// Packages are those that fragments import, each after those that it
	// imports itself.
	Packages []*Package
	// Errors is what is wrong so far.
	Errors []wire.Error
	// Partial lists the files of the request that count only in part, sorted:
	// nothing may be said about what is missing.
	Partial []int
	// Loose lists the files in which details of components were taken out:
	// nothing may be said about what is missing in these components.
	Loose []int
	// Defaults are the `defaults` blocks of the base and of the target's
	// overlay.
	Defaults []Soft
	// Policies are those that hold in the target.
	Policies []Policy
	// Excluded are the fields of the base that are not there because the
	// target's overlay chose an alternative of them.
	Excluded []Excluded
	// AllPolicies leads to all of them together in a [Finished] root.
	AllPolicies cue.Path

	// importable are the packages by every path that imports them, missing
	// are the paths that lead to none.
	importable map[string]*Package
	missing    map[string]wire.Missing

	target  string
	targets []string
	pkg     string
	extra   *ast.File
	places  map[*token.File]int
	lengths map[ast.Node]int
	dropped map[ast.Node]bool
	// aside are the `_` of values that an overlay stands in for.
	aside map[ast.Node]bool
	// taken are the `_` of expressions that broke more than themselves.
	taken map[ast.Node]bool
	// joinedNames are fields that kcc declares for private names.
	joinedNames map[*ast.Field]bool
	// takenOver are the blocks of targets that became overlays although an
	// embedding brings them to the root.
	takenOver map[*ast.Field]bool
	// overlaid are the declarations at the root that come from an overlay.
	overlaid map[ast.Node]bool
	private  map[string]string
	// numbers are the fields `ports` that hold plain numbers, as references write
	// them.
	numbers map[string]bool
	// placeholders declare the private names that fragments refer to and no
	// file has directly at its root.
	placeholders []ast.Decl
	// allPolicies unifies them; nil if there are none.
	allPolicies *ast.Field
	// policyNames are the names of the policies' hidden root fields.
	policyNames []string
	// unread are the texts of declarations that could not be parsed.
	unread []string
	// reported are root fields that no system has, and that were taken out.
	reported map[string]bool
}

// File is a fragment as CUE builds it.
type File struct {
	// Index is the file's place in the request.
	Index int
	// Team is empty for the system's own files.
	Team string
	// AST has the target's overlay at its end, and neither `on` nor `defaults`
	// nor `policies`: those that hold in the target are hidden root fields.
	AST *ast.File
}

// Excluded is a field of the base of which the target's overlay chose an
// alternative.
type Excluded struct {
	Path []string
	At   wire.Span
}

// Soft is one `defaults` block.
type Soft struct {
	Team string
	File int
	// Overlay says that the block stands under the target's `on`.
	Overlay bool
	// Values has the shape of the root.
	Values ast.Expr
	// Path leads to the values in what [Prepared.Build] returns.
	Path cue.Path
}

// Policy is one `policies: NAME: {…}` that holds in the target.
type Policy struct {
	Name string
	// Label is where the name stands.
	Label wire.Span
	// Message is what the policy says to who violates it.
	Message string
	// MessageAt is where the message stands.
	MessageAt wire.Span
	Team      string
	File      int
	// On are the targets that it is for; none for all.
	On []string
	// Require are the expressions that say what it requires, in the shape of
	// the root. The plain fields of one that is written under `policies` itself
	// were made optional, so that it creates nothing.
	Require []ast.Expr
	// Path leads to what it requires in a [Finished] root.
	Path cue.Path
}

// Prepare parses and rewrites the fragments of one target.
func Prepare(req *wire.Request) *Prepared {
	return prepare(req, false)
}

// PrepareSystem parses kcc.cue and keeps nothing of it but the field `system`
// and what that may refer to.
func PrepareSystem(req *wire.Request) *Prepared {
	return prepare(req, true)
}

// Dropped says whether a node is a `_` that stands for something that was
// reported and taken out.
func (p *Prepared) Dropped(node ast.Node) bool {
	return p.dropped[node]
}

// DroppedAt says whether such a `_` stands at a place.
func (p *Prepared) DroppedAt(at wire.Span) bool {
	for node := range p.dropped {
		if span, ok := p.Span(node); ok && span.File == at.File && span.Start == at.Start {
			return true
		}
	}
	return false
}

// Aside says whether a node is a `_` in place of a value that the target's
// overlay stands in for.
func (p *Prepared) Aside(node ast.Node) bool {
	return p.aside[node]
}

// Taken says whether a node is a `_` that [Prepared.TakeOut] left behind.
func (p *Prepared) Taken(node ast.Node) bool {
	return p.taken[node]
}

// Unread says whether all of some names stand in one declaration that could
// not be parsed: what is missing under them may be there.
func (p *Prepared) Unread(names ...string) bool {
	return slices.ContainsFunc(p.unread, func(text string) bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			word := `(^|[^\p{L}\p{Nd}_-])` + regexp.QuoteMeta(name) + `($|[^\p{L}\p{Nd}_-])`
			found, err := regexp.MatchString(word, text)
			return err != nil || !found
		})
	})
}

// Original is the name as a fragment writes it of a private name that was
// renamed; any other name is its own original.
func (p *Prepared) Original(name string) string {
	if original, ok := p.private[name]; ok {
		return original
	}
	return name
}

// renamed finds what could be a private name that was renamed.
var renamed = regexp.MustCompile(`[_#][\p{L}\p{Nd}_#]*\$[0-9]+`)

// Originals writes the private names in a text as the fragments do.
func (p *Prepared) Originals(text string) string {
	return renamed.ReplaceAllStringFunc(text, p.Original)
}

// Private is the path of a private name as the tree has it.
func (p *Prepared) Private(name string) cue.Path {
	if strings.HasPrefix(name, "#") {
		return cue.MakePath(cue.Def(name))
	}
	return p.hidden(name)
}

// IsGenerated says whether a root name is one that no fragment wrote.
func (p *Prepared) IsGenerated(name string) bool {
	return strings.HasPrefix(name, "_defaults$") || strings.HasPrefix(name, "_policies$")
}

// hidden is the path of a root field that no fragment can name.
func (p *Prepared) hidden(name string) cue.Path {
	return cue.MakePath(cue.Hid(name, p.packageID()))
}
