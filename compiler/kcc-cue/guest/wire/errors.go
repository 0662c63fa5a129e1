package wire

// Code identifies a kind of error. The host turns `x` into `kcc::<stage>::x`.
type Code string

// Codes of package syntax. Unless noted otherwise, an error has one label, its
// position.
const (
	// Syntax: args `message` (the parser's own, lower case).
	Syntax Code = "syntax"
	// PackageClause: args `expected` (the name in kcc.cue), `actual` (absent if
	// there is none); labels: the clause or the file's start, then the clause of
	// kcc.cue.
	PackageClause Code = "package-clause"
	// Attribute: args `name` (such as `if`); the path is that of a field without
	// any other value.
	Attribute Code = "attribute"
	// Import: args `path`, `reason`:
	//  `tool`: never allowed;
	//  `unknown`: not in CUE's standard library;
	//  `unused`: with `name` if a closer field shadows it;
	//  `duplicate`: the name is imported twice;
	//  `cycle`: the package imports itself through others, whose imports are
	//  labelled too;
	//  `elsewhere`: the host does not know it;
	// else the reason of the host's `missing`, with `candidates` and `name`.
	Import Code = "import"
	// UnknownName: args `name`, `candidates` (names in scope, separated by
	// spaces), `import` (a standard library package of this name that is not
	// imported; absent if there is none).
	//
	// From the evaluation, a reference to a field that does not exist: args
	// `name`, `kind` (`field`), `in` (what the field was selected from, such as
	// `services`), `candidates` (its fields). Label: the reference.
	UnknownName Code = "unknown-name"
	// PrivateName: args `name`, `team` (its owner); labels: the use, then each
	// definition.
	PrivateName Code = "private-name"
	// UnknownField: args `name`, `candidates` (fields allowed there, separated by
	// spaces; empty if the schema does not restrict them).
	UnknownField Code = "unknown-field"
	// UnknownKind: a backing of an undefined kind. Args `name`, `candidates` (the
	// defined kinds, separated by spaces). Label: the line of `kind`.
	UnknownKind Code = "unknown-kind"
	// UnknownVersion: a backing of a version that the recipe of its kind does not
	// support. Args `kind`, `name`, `candidates`.
	UnknownVersion Code = "unknown-version"
	// SecretLiteral: a secret is written as text, even if an overlay overrides
	// it.
	SecretLiteral Code = "secret-literal"
	// Overlay: args `reason`, `name` (the target or field), `candidates`.
	// Reasons:
	//  `shape`: `on` is not a struct of static targets;
	//  `unknown-target`;
	//  `reference`: something refers to `on`;
	//  `nested`: `on` or `policies` inside the block;
	//  `indirect`: a root field outside the model comes in through a reference;
	//  `placement`: `system` outside kcc.cue or inside `on`.
	Overlay Code = "overlay"
	// BadPolicy: args `policy`, `reason`, `name` (the target or the path),
	// `candidates`. Reasons:
	//  `shape`, `message`, `on`, `require`, `unknown-target`;
	//  `field`: it requires something of a path that the schema lacks;
	//  `undecided`: it has no result for the path, with `kind`, `name`, `in` and
	//  `candidates` as for UnknownName, or `message` and `bare` as for BadExpression;
	//  `closed`: it is a definition that rejects all other fields;
	//  `indirect`: it is at the root, but no file's embedding accounts for it.
	BadPolicy Code = "bad-policy"
	// NoMatch, a warning: a policy or a default names a component that the target
	// lacks. Args `policy` (empty for a default), `name`, `candidates` (the
	// existing components). Label: the name. The host drops it if `matched` of
	// another target has the label.
	NoMatch Code = "no-match"
	// UnknownTarget, a warning: `target` is compared with a text that is not the
	// name of a target. Args `name`, `candidates`, `differs` (`true` for `!=`).
	UnknownTarget Code = "unknown-target"
	// SlowPattern, a warning: a loop over all fields of a root field runs once
	// per field. Args `name` (the root field). Labels: the name, then the outer
	// loop.
	SlowPattern Code = "slow-pattern"
	// BadExpression: an expression that fails with any value. Args `reason`, and
	// `what` for its part in a struct: `condition`, `source` (of a `for`),
	// `label`, `pattern` or `embedding`; absent for a value. Reasons:
	//  `unused`: a let or an alias `name` that nothing uses;
	//  `refused`: CUE cannot compile it; `message`;
	//  `failed`: it cannot be evaluated, such as a division by zero; `message`;
	//  `said`: the fragment's own `error("…")`; `said`;
	//  `undecided`: it depends on a value that is not concrete; `message`;
	//  `function`: a function is not a value.
	// `message` is CUE's own and may contain values; `bare` is the same without
	// them. Labels: the expression, then what it comes from: for `undecided` the
	// lines that declare what is not concrete.
	BadExpression Code = "bad-expression"
)

// Codes of package eval.
//
// The first label is the line that decides: a value (role 0) or a default (role 2
// or 3). The conjuncts it meets follow (role 1 in a fragment, role 4 in the
// schema), from all teams: the label's file gives the team. Unless noted
// otherwise, `expected` is what the other conjuncts require, as CUE source,
// joined by ` & `; `actual` is the value as CUE source (`5`, `"x"`), `struct` or
// `list`, and absent if it could be a secret (anything below `env`).
const (
	// Conflict: conjuncts that conflict.
	//
	// Without args: two or more lines, which no longer conflict if any one is
	// left out. With `alternatives` (names, separated by spaces): the path is a
	// struct with fields that exclude each other; labels are their lines. With
	// `other` (a path below the component, joined by dots): the field is also
	// written there, with another value. With `soft` (`true`): two `defaults` of
	// equal strength, both with role 3. With `overlay` (what brings in the other
	// line, such as "`_std`"): one line is in the target's overlay, which does
	// not replace the other line of the same team; `field` is the field that
	// would have to be a default, `as` that default (absent if it could be a
	// secret).
	Conflict Code = "conflict"
	// MissingField: a required field without a value; the path is the field's.
	// Args `name`, `expected` (its type, if known), `with` (the existing fields
	// that need it, separated by spaces; absent if it is always required).
	// Labels: the lines that create the struct, or with role 1 the fragment's own
	// `name!:`.
	MissingField Code = "missing-field"
	// NotConcrete: a field that exists and is constrained, but has no value. Args
	// `name`, `expected`; `pattern` (`true`: only patterns create the field,
	// which `name?:` or a policy would not); `soft` (`true`: it is in `defaults`,
	// where only values have a meaning). Labels: the lines that constrain it.
	NotConcrete Code = "not-concrete"
	// OutOfBounds: a value that a bound, a pattern or a list of strings rules
	// out. Args `expected`, `actual`, `candidates` (if it is one of a few
	// strings: those, separated by spaces).
	OutOfBounds Code = "out-of-bounds"
	// WrongType: a value of another type than expected. Args `expected` (as
	// above, or from the schema: CUE's types, `list`, `struct`, joined by ` | `),
	// `actual` (the type, and the value of a scalar: `int 5`), `candidates` as
	// above, `soft` (`true`: in `defaults`, where a component of that name would
	// be).
	WrongType Code = "wrong-type"
	// ClosedDefinition: a fragment's own definition rejects a field that the
	// schema has. Args `name`, `definition` (such as `#Std`; absent if unknown).
	// Labels: the field (role 0), then the reference to the definition and the
	// definition's name (role 1). `imported` (`true`): it is from a package. With
	// `close` as `definition` the call comes first.
	ClosedDefinition Code = "closed-definition"
	// TwoDefaults: different CUE defaults (`*x | T`) at one path. No args.
	// Labels: the defaults (role 2).
	TwoDefaults Code = "two-defaults"
	// CUEDefaultRuledOut: a CUE default that other lines rule out. Args
	// `expected`, `actual`. Labels: the default (role 2), then those lines.
	CUEDefaultRuledOut Code = "default-ruled-out"
	// DefaultRuledOut: a default that other lines rule out. Args `expected`,
	// `actual`. Labels: the default (role 3, or 4 for the schema's own), then
	// those lines.
	DefaultRuledOut Code = "soft-ruled-out"
	// Cycle: a value that depends on itself. Args `kind` (`value`: it refers to
	// itself; `structure`: it contains itself without end). Labels: the lines of
	// all values of the cycle.
	Cycle Code = "cycle"
	// Evaluation: args `message`, `bare`; an error that only CUE can describe.
	// The host shows it as a bad expression.
	Evaluation Code = "evaluation"
	// Unaccounted: a field that a fragment writes, but that is in no value of the
	// tree and in no error. Args `name` (empty for a computed one). Label: the
	// field's label.
	Unaccounted Code = "unaccounted"
	// PolicyViolated: args `policy`, `message` (the policy's own), `expected`;
	// `actual` (if it is a scalar), `on` (the targets it applies to, separated by
	// spaces; absent for all), `missing` (the name of a field that it requires),
	// `forbidden` (`true`: the field must not exist). Labels: the lines that give
	// the value (for a missing field those of the struct that lacks it; none if
	// only kcc created it), then with role 1 those of the policy.
	PolicyViolated Code = "policy-violated"
)

// Codes of the evaluator itself.
const (
	// Protocol: args `message`; the request cannot be parsed.
	Protocol Code = "protocol"
	// Internal: args `message`; a bug in kcc.
	Internal Code = "internal"
)
