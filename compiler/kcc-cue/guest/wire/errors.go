package wire

// Code names a kind of mistake. The host turns `x` into `kcc::<stage>::x`.
type Code string

// Codes of reading the fragments (package syntax). Unless it says otherwise an
// error has one label, the place itself.
const (
	// Syntax: args `message` (the parser's own words, lower case).
	Syntax Code = "syntax"
	// PackageClause: args `expected` (the name in kcc.cue), `actual` (left out
	// when there is none); labels: the clause or the file's start, then the
	// clause of kcc.cue.
	PackageClause Code = "package-clause"
	// Attribute: args `name` (such as `if`).
	Attribute Code = "attribute"
	// Import: args `path`, `reason` (`tool`: not allowed anywhere;
	// `not-standard`: not of CUE's standard library; `unknown`: no such
	// package; `unused`; `duplicate`: the name is imported twice).
	Import Code = "import"
	// UnknownName: args `name`, `candidates` (names in scope, joined by one
	// space), `kind` (`name`, or `alias` for a let or an alias that nothing
	// uses, which is a warning).
	UnknownName Code = "unknown-name"
	// PrivateName: args `name`, `team` (who defines it); labels: the use, then
	// each definition.
	PrivateName Code = "private-name"
	// UnknownField: args `name`, `candidates` (fields allowed there, joined by
	// one space; empty where the schema says nothing).
	UnknownField Code = "unknown-field"
	// Overlay: args `reason` (`shape`: `on` is no struct of static targets;
	// `unknown-target`; `reference`: something refers to `on`; `nested`: `on`
	// or `policies` inside the block; `placement`: `system` outside kcc.cue or
	// inside `on`), `name` (the target or field), `candidates`.
	Overlay Code = "overlay"
	// BadPolicy: args `policy`, `reason` (`shape`, `message`, `on`, `require`,
	// `unknown-target`), `name`, `candidates`.
	BadPolicy Code = "bad-policy"
	// BadExpression: args `message`; a construct that cannot be built, such as
	// two declarations of one alias.
	BadExpression Code = "bad-expression"
)

// Codes of evaluation (package eval).
const (
	// Conflict: see package eval.
	Conflict Code = "conflict"
	// MissingField: a required field that nothing gives.
	MissingField Code = "missing-field"
	// NotConcrete: a field that is constrained but has no value.
	NotConcrete Code = "not-concrete"
	// OutOfBounds: a value that a bound or a pattern rules out.
	OutOfBounds Code = "out-of-bounds"
	// WrongType: a value of another type than expected.
	WrongType Code = "wrong-type"
	// ClosedDefinition: a definition that refuses a field which the schema knows.
	ClosedDefinition Code = "closed-definition"
	// TwoDefaults: two CUE defaults at one path.
	TwoDefaults Code = "two-defaults"
	// DefaultRuledOut: a CUE default that another line rules out.
	DefaultRuledOut Code = "default-ruled-out"
	// SoftRuledOut: a soft value that a constraint rules out.
	SoftRuledOut Code = "soft-ruled-out"
	// Cycle: a value that refers to itself.
	Cycle Code = "cycle"
	// Evaluation: args `message`; an error that CUE alone can word.
	Evaluation Code = "evaluation"
	// PolicyViolated: args `policy`, `message`.
	PolicyViolated Code = "policy-violated"
)

// Codes of the engine itself.
const (
	// Protocol: args `message`; the request cannot be read.
	Protocol Code = "protocol"
	// Internal: args `message`; a bug in kcc.
	Internal Code = "internal"
)
