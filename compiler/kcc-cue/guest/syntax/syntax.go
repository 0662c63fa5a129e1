// Package syntax holds every pass over the fragments that happens before CUE
// builds them: parsing, checks that need no evaluation, and the rewrites that
// turn kcc's language into plain CUE.
//
// It takes a request and returns a [Prepared]: files that build as one package,
// the packages they import, and the errors found on the way. It evaluates nothing
// and has no text of its own; an error is a code with spans and arguments.
//
// Invariant: a node that is kept, moved or renamed keeps its position in the
// fragment, so that later passes can point at the line a team wrote. Apart from
// alternatives and short forms, which an overlay has to know about, nothing here
// knows the fields of a service; they belong to package schema.
package syntax

import (
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// Prepared is the result of the syntax passes for one target.
type Prepared struct {
	// Files holds the fragments that could be parsed, wholly or in part, in the
	// order of the request. They build as one package: every name resolves.
	Files []*File
	// Packages holds the imported packages, each after the packages it imports
	// itself.
	Packages []*Package
	// Errors collects what the passes found so far.
	Errors Faults
	// Partial lists the files, by sorted index, of which some declarations were
	// removed: nothing that could be in them may be reported as missing.
	Partial []int
	// Loose lists the files in which details of components were removed: nothing
	// may be reported as missing in these components.
	Loose []int
	// Defaults holds the `defaults` blocks of the base and of the target's
	// overlay.
	Defaults []DefaultsBlock
	// Policies holds the policies that apply to the target.
	Policies []Policy
	// Excluded holds the base fields that were removed because the target's
	// overlay chose an alternative to them.
	Excluded []Excluded
	// AllPolicies is the path of their unification in a [PolicyRoot].
	AllPolicies cue.Path

	// importable maps every path to the package it imports; missing has the paths
	// that import none.
	importable map[string]*Package
	missing    map[string]wire.Missing

	target      string
	targets     []string
	pkg         string
	extra       *ast.File
	fileIndexes map[*token.File]int
	lengths     map[ast.Node]int
	dropped     map[ast.Node]bool
	// overridden holds the `_` that replaced values the overlay overrides.
	overridden map[ast.Node]bool
	// removed holds the `_` of expressions that broke more than themselves.
	removed map[ast.Node]bool
	// joinedNames holds the fields that kcc declares for private names.
	joinedNames map[*ast.Field]bool
	// extracted holds the targets' blocks below an embedded `on`, which became
	// overlays.
	extracted map[*ast.Field]bool
	// overlaid holds the root declarations that come from an overlay.
	overlaid map[ast.Node]bool
	private  map[string]string
	// numericPorts holds the `ports` fields that are used as plain numbers,
	// spelled as references spell them.
	numericPorts map[string]bool
	// dataKeys holds the keys of data maps that CUE would hide.
	dataKeys map[string]bool
	// placeholders declare the private names that fragments refer to and no file
	// declares directly at its root.
	placeholders []ast.Decl
	// allPolicies unifies the policies; nil if there are none.
	allPolicies *ast.Field
	// policyNames has the names of the policies' hidden root fields.
	policyNames []string
	// unparsed holds the source of declarations that could not be parsed.
	unparsed []string
	// reported holds the names of unknown root fields, which were removed.
	reported map[string]bool
}

// Faults collects what is wrong. A pass reports to the list that it is given; a
// nil one discards what another pass reports.
type Faults []wire.Fault

func (f *Faults) report(e wire.Fault) {
	if f != nil {
		*f = append(*f, e)
	}
}

// File is a fragment as CUE builds it.
type File struct {
	// Index is the index of the file in the request.
	Index int
	// Team is empty for the system's own files.
	Team string
	// AST ends with the target's overlay. It has no `on`, `defaults` or
	// `policies`: those that apply to the target are hidden root fields.
	AST *ast.File
}

// Excluded is a base field to which the target's overlay chose an alternative.
type Excluded struct {
	Path []string
	At   wire.Span
}

// DefaultsBlock is one `defaults` block.
type DefaultsBlock struct {
	Team string
	File int
	// Overlay is set if the block is written under the target's `on`.
	Overlay bool
	// Values has the shape of the root.
	Values ast.Expr
	// Path is the path of the values in the value that [Prepared.Build] returns.
	Path cue.Path
}

// Policy is one `policies: NAME: {…}` that applies to the target.
type Policy struct {
	Name string
	// Label is the span of the name.
	Label wire.Span
	// Message is shown to whoever violates the policy.
	Message string
	// MessageAt is the span of the message.
	MessageAt wire.Span
	Team      string
	File      int
	// On lists the targets the policy applies to; empty means all.
	On []string
	// Require holds the required constraints, in the shape of the root. In a
	// policy written under `policies` itself the plain fields are optional, so
	// that it creates nothing.
	Require []ast.Expr
	// Path is the path of the requirement in a [PolicyRoot].
	Path cue.Path
}

// Prepare parses and rewrites the fragments of one target.
func Prepare(req *wire.Request) *Prepared {
	return prepare(req, false)
}

// PrepareSystem parses kcc.cue and keeps only the field `system` and what it may
// refer to.
func PrepareSystem(req *wire.Request) *Prepared {
	return prepare(req, true)
}

// Dropped reports whether a node is the `_` left by an expression that was
// reported and removed.
func (p *Prepared) Dropped(node ast.Node) bool {
	return p.dropped[node]
}

// DroppedAt reports whether such a `_` is at a span's start.
func (p *Prepared) DroppedAt(at wire.Span) bool {
	for node := range p.dropped {
		if span, ok := p.Span(node); ok && span.File == at.File && span.Start == at.Start {
			return true
		}
	}
	return false
}

// Overridden reports whether a node is the `_` left by a value that the target's
// overlay overrides.
func (p *Prepared) Overridden(node ast.Node) bool {
	return p.overridden[node]
}

// Removed reports whether a node is the `_` left by [Prepared.Remove].
func (p *Prepared) Removed(node ast.Node) bool {
	return p.removed[node]
}

// InUnparsed reports whether one declaration that could not be parsed mentions
// all of the names: what seems to be missing below them may be in it.
func (p *Prepared) InUnparsed(names ...string) bool {
	return slices.ContainsFunc(p.unparsed, func(text string) bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			word := `(^|[^\p{L}\p{Nd}_-])` + regexp.QuoteMeta(name) + `($|[^\p{L}\p{Nd}_-])`
			found, err := regexp.MatchString(word, text)
			return err != nil || !found
		})
	})
}

// Original returns a private name as the fragment writes it; other names are
// returned unchanged.
func (p *Prepared) Original(name string) string {
	if original, ok := p.private[name]; ok {
		return original
	}
	return name
}

// renamed matches what may be a renamed private name.
var renamed = regexp.MustCompile(`[_#][\p{L}\p{Nd}_#]*\$[0-9]+`)

// Originals restores the private names in a text to the fragments' spelling.
func (p *Prepared) Originals(text string) string {
	return renamed.ReplaceAllStringFunc(text, p.Original)
}

// Private returns the path of a private name that was renamed.
func (p *Prepared) Private(name string) cue.Path {
	if strings.HasPrefix(name, "#") {
		return cue.MakePath(cue.Def(name))
	}
	return p.hidden(name)
}

// IsGenerated reports whether a root field was generated rather than written in a
// fragment.
func (p *Prepared) IsGenerated(name string) bool {
	return strings.HasPrefix(name, "_defaults$") || strings.HasPrefix(name, "_policies$")
}

// hidden returns the path of a root field that no fragment can name.
func (p *Prepared) hidden(name string) cue.Path {
	return cue.MakePath(cue.Hid(name, p.packageID()))
}
