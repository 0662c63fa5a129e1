package syntax

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// PolicyFields are the fields of a policy.
var PolicyFields = []string{"message", "on", "require"}

// policyBlock is one policy as a file writes it.
type policyBlock struct {
	// overlay is the target of the block it is written in, empty in the base.
	overlay string
	name    string
	label   ast.Label
	message ast.Expr
	on      ast.Expr
	require ast.Expr
	// malformed is set if it is not written as a policy.
	malformed bool
	// misspelled is set if it has an unknown field, which may be the one it
	// lacks.
	misspelled bool
	// applies is set if it applies to the target.
	applies bool
	policy  Policy
}

// splitPolicies reads `policies: NAME: {message, on, require}`. The fields of one
// policy may be written in several places. It returns false if the field has
// another form, such as a reference or a comprehension: only its value tells which
// policies that are.
func (p *Prepared) splitPolicies(to *Faults, s *source, field *ast.Field, overlay string) bool {
	if plainLabel(field) == nil || field.Constraint != token.ILLEGAL {
		return false
	}
	switch value := field.Value.(type) {
	case *ast.BasicLit, *ast.ListLit, *ast.BottomLit:
	case *ast.StructLit:
		if slices.ContainsFunc(value.Elts, func(decl ast.Decl) bool { return !isWrittenPolicy(decl) }) {
			return false
		}
	default:
		return false
	}
	p.splitWritten(to, s, field.Value, overlay)
	return true
}

// isWrittenPolicy reports whether a declaration is a plain field whose value has
// only plain fields, or is a scalar or a list, which is a mistake.
func isWrittenPolicy(decl ast.Decl) bool {
	switch d := decl.(type) {
	case *ast.CommentGroup, *ast.Attribute:
		return true
	case *ast.Field:
		if !isPlainField(d) {
			return false
		}
		switch value := d.Value.(type) {
		case *ast.StructLit:
			return !slices.ContainsFunc(value.Elts, func(decl ast.Decl) bool {
				inner, ok := decl.(*ast.Field)
				_, comment := decl.(*ast.CommentGroup)
				_, attribute := decl.(*ast.Attribute)
				return !comment && !attribute && (!ok || !isPlainField(inner))
			})
		case *ast.BasicLit, *ast.ListLit, *ast.BottomLit:
			return true
		}
	}
	return false
}

func isPlainField(field *ast.Field) bool {
	_, ok := staticName(field.Label)
	return ok && plainLabel(field) != nil && field.Constraint == token.ILLEGAL
}

// splitWritten reads policies that are written out.
func (p *Prepared) splitWritten(to *Faults, s *source, all ast.Expr, overlay string) {
	p.eachPlainField(to, s, "", all, func(label ast.Label, name string, value ast.Expr) {
		at := slices.IndexFunc(s.policies, func(b *policyBlock) bool {
			return b.name == name && b.overlay == overlay
		})
		if at < 0 {
			at = len(s.policies)
			s.policies = append(s.policies, &policyBlock{overlay: overlay, name: name, label: label})
		}
		block := s.policies[at]
		block.malformed = !p.eachPlainField(to, s, name, value, func(label ast.Label, part string, value ast.Expr) {
			switch part {
			case "message":
				block.message = value
			case "on":
				block.on = value
			case "require":
				if block.require != nil {
					value = &ast.BinaryExpr{X: block.require, Op: token.AND, OpPos: value.Pos(), Y: value}
				}
				block.require = value
			default:
				unknown := wire.UnknownField{Name: part, Candidates: PolicyFields}
				to.report(p.withLabel(wire.Fault{Detail: unknown, Path: []string{"policies", name, part}}, label))
				s.whole = false
				block.misspelled = true
			}
		})
	})
}

// eachPlainField visits the plain fields of a struct literal. It reports anything
// else, and returns false if there is any.
func (p *Prepared) eachPlainField(to *Faults, s *source, policy string, x ast.Expr, visit func(ast.Label, string, ast.Expr)) bool {
	lit, ok := x.(*ast.StructLit)
	if !ok {
		p.reportBadPolicy(to, s, x, policy, wire.MalformedPolicy{})
		return false
	}
	whole := true
	for _, decl := range lit.Elts {
		switch d := decl.(type) {
		case *ast.CommentGroup, *ast.Attribute:
		case *ast.Field:
			name, ok := staticName(d.Label)
			if !ok || plainLabel(d) == nil || d.Constraint != token.ILLEGAL {
				p.reportBadPolicy(to, s, d, policy, wire.MalformedPolicy{})
				whole = false
				continue
			}
			visit(d.Label, name, d.Value)
		default:
			p.reportBadPolicy(to, s, d, policy, wire.MalformedPolicy{})
			whole = false
		}
	}
	return whole
}

func (p *Prepared) reportBadPolicy(to *Faults, s *source, node ast.Node, policy string, problem wire.PolicyProblem) {
	path := []string{"policies"}
	if policy != "" {
		path = append(path, policy)
	}
	to.report(p.withLabel(wire.Fault{Detail: wire.BadPolicy{Policy: policy, Problem: problem}, Path: path}, node))
	s.whole = false
}

// checkPolicies determines which policies apply to the target.
func (p *Prepared) checkPolicies(s *source, targets []string) {
	for _, block := range s.policies {
		if !block.malformed && (block.overlay == "" || block.overlay == p.target) {
			block.policy, block.applies = p.policyOf(s, block, targets)
		}
	}
}

// policyOf validates a policy. It returns false if the policy does not apply to
// the target or cannot be used.
func (p *Prepared) policyOf(s *source, block *policyBlock, targets []string) (Policy, bool) {
	applies := true
	var on []string
	if block.overlay != "" {
		on = []string{block.overlay}
	}
	if block.on != nil {
		list, ok := block.on.(*ast.ListLit)
		if !ok {
			p.reportBadPolicy(s.faults, s, block.on, block.name, wire.PolicyTargets{})
			return Policy{}, false
		}
		applies = false
		for _, item := range list.Elts {
			name, ok := plainString(item)
			switch {
			case !ok:
				p.reportBadPolicy(s.faults, s, item, block.name, wire.PolicyTargets{})
			case len(targets) > 0 && !slices.Contains(targets, name):
				p.reportBadPolicy(s.faults, s, item, block.name, wire.PolicyTarget{Name: name, Candidates: targets})
			default:
				on = append(on, name)
				applies = applies || name == p.target
			}
		}
	}
	policy := Policy{Name: block.name, Team: s.Team, File: s.index, On: on, Require: []ast.Expr{block.require}}
	policy.Label, _ = p.Span(block.label)
	if message, ok := plainString(block.message); ok && strings.TrimSpace(message) != "" {
		policy.Message = message
		policy.MessageAt, _ = p.Span(block.message)
	} else if block.message != nil || !block.misspelled {
		var node ast.Node = block.label
		if block.message != nil {
			node = block.message
		}
		p.reportBadPolicy(s.faults, s, node, block.name, wire.PolicyMessage{})
	}
	if block.require == nil {
		if block.misspelled {
			return Policy{}, false
		}
		p.reportBadPolicy(s.faults, s, block.label, block.name, wire.PolicyRequire{})
		return Policy{}, false
	}
	return policy, applies
}

// plainString returns the text of a string literal.
func plainString(x ast.Expr) (string, bool) {
	lit, ok := x.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := literal.Unquote(lit.Value)
	return text, err == nil
}

// makeOptional turns `x: T` into `x?: T` at every level, so that a policy creates
// nothing. `x!` stays required, and hidden fields and definitions are the
// policy's own.
func makeOptional(x ast.Expr) {
	switch x := x.(type) {
	case *ast.StructLit:
		for _, decl := range x.Elts {
			switch d := decl.(type) {
			case *ast.Field:
				if privateLabel(d.Label) != nil {
					continue
				}
				if _, pattern := patternOf(d); !pattern && d.Constraint == token.ILLEGAL {
					d.Constraint = token.OPTION
				}
				makeOptional(d.Value)
			case *ast.EmbedDecl:
				makeOptional(d.Expr)
			case ast.Expr:
				makeOptional(d)
			}
		}
	case *ast.Comprehension:
		makeOptional(x.Value)
		if x.Fallback != nil {
			makeOptional(x.Fallback.Body)
		}
	case *ast.ParenExpr:
		makeOptional(x.X)
	case *ast.BinaryExpr:
		makeOptional(x.X)
		makeOptional(x.Y)
	case *ast.Alias:
		makeOptional(x.Expr)
	}
}
