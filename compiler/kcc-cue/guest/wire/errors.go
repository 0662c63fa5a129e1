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
	// Attribute: args `name` (such as `if`); the path is that of a field which
	// has no other value.
	Attribute Code = "attribute"
	// Import: args `path`, `reason` (`tool`: not allowed anywhere; `unknown`:
	// no such package of CUE's standard library; `unused`, with `name` where a field of that name is
	// nearer; `duplicate`: the
	// name is imported twice; `cycle`: the package imports itself by way of
	// others, whose imports are labels too; `elsewhere`: the host says nothing
	// of it; else what the host says in `missing`, with `candidates` and
	// `name`).
	Import Code = "import"
	// UnknownName: args `name`, `candidates` (names in scope, joined by one
	// space), `import` (a package of CUE's library that has this name and is
	// not imported; left out where none has).
	//
	// From evaluation, a reference to a field that does not exist: args `name`,
	// `kind` (`field`), `in` (what was looked into, such as `services`),
	// `candidates` (the fields that it has). Label: the reference.
	UnknownName Code = "unknown-name"
	// PrivateName: args `name`, `team` (who defines it); labels: the use, then
	// each definition.
	PrivateName Code = "private-name"
	// UnknownField: args `name`, `candidates` (fields allowed there, joined by
	// one space; empty where the schema says nothing).
	UnknownField Code = "unknown-field"
	// UnknownKind: a backing of a kind that nobody defines. Args `name`,
	// `candidates` (the kinds that there are, joined by one space). Label: the
	// line that gives `kind`.
	UnknownKind Code = "unknown-kind"
	// UnknownVersion: a backing of a version that the recipe of its kind does
	// not fit. Args `kind`, `name`, `candidates`.
	UnknownVersion Code = "unknown-version"
	// SecretLiteral: a secret is written as text, be it that an overlay stands in
	// for it.
	SecretLiteral Code = "secret-literal"
	// Overlay: args `reason` (`shape`: `on` is no struct of static targets;
	// `unknown-target`; `reference`: something refers to `on`; `nested`: `on`
	// or `policies` inside the block; `indirect`: a root field that has a place
	// of its own comes to the root by a reference; `placement`: `system` outside kcc.cue or
	// inside `on`), `name` (the target or field), `candidates`.
	Overlay Code = "overlay"
	// BadPolicy: args `policy`, `reason` (`shape`, `message`, `on`, `require`,
	// `unknown-target`, `field`: it is about a path that the schema lacks;
	// `undecided`: it has no result for the path, either with `kind`, `name`,
	// `in` and `candidates` as for UnknownName or with `message` and `bare` as
	// for BadExpression; `closed`: it is a definition that refuses all other
	// fields; `indirect`: it is at the root, and no file says so in a way that
	// can be followed), `name` (the target or the path), `candidates`.
	BadPolicy Code = "bad-policy"
	// NoMatch, a warning: a policy or a default is about a component that the
	// target lacks. Args `policy` (empty for a default), `name`, `candidates`
	// (the components that there are). Label: the name. The host drops it where
	// `matched` of another target has the label.
	NoMatch Code = "no-match"
	// UnknownTarget, a warning: `target` is compared with a text that is the
	// name of no target. Args `name`, `candidates`, `differs` (`true`: by `!=`).
	UnknownTarget Code = "unknown-target"
	// SlowPattern, a warning: all fields of a root field are gone through once
	// for each of them. Args `name` (the root field). Labels: the name, then
	// what stands for each of them.
	SlowPattern Code = "slow-pattern"
	// BadExpression: an expression that means nothing, whatever it meets. Args
	// `reason`: `unused` (a let or an alias `name` that nothing uses),
	// `refused` (CUE cannot compile it; `message`), `failed` (it cannot be
	// evaluated, such as a division by zero; `message`), `said` (the fragment's
	// own `error("…")`; `said`), `undecided` (it depends on a value that is not
	// concrete; `message`), `function` (a function is no value). `what` is the
	// part that it plays in a struct: `condition`, `source` (of a `for`),
	// `label`, `pattern` or `embedding`; left out for a value. `message` is CUE's
	// own wording and may name values; `bare` is the same without them. Labels:
	// the expression, then what it comes from: for `undecided` the lines that
	// declare what is not concrete.
	BadExpression Code = "bad-expression"
)

// Codes of evaluation (package eval).
//
// The first label is the line that decides: a value (role 0) or a default
// (role 2 or 3); the lines that it meets follow (role 1 where a fragment
// constrains, role 4 where the schema does). Lines of several teams are all
// there: the label's file tells the team. Where nothing else is said,
// `expected` is what the other lines demand as they are written in CUE, several
// joined by ` & `; `actual` is the value as CUE writes it (`5`, `"x"`), `struct`
// or `list`, and left out where it could be a secret (anything below `env`).
const (
	// Conflict: lines that cannot hold together.
	//
	// Without args: two or more lines, of which all but any one can hold
	// together. With `alternatives` (names, joined by one space): the path is
	// a struct with fields that exclude each other; labels are their lines.
	// With `other` (a path below the component, joined by dots): the field is
	// also written there, with another value. With `soft` (`true`): two
	// `defaults` of equal strength, both with role 3. With `overlay` (what
	// brings the other line, such as "`_std`"): one line is in the target's
	// overlay, which does not replace the other line of the same team; `field`
	// is the field that would have to be a default, `as` that default (left
	// out where it could be a secret).
	Conflict Code = "conflict"
	// MissingField: a required field that nothing gives; the path is the
	// field's. Args `name`, `expected` (its type, where known), `with` (the
	// fields that are there and need it, joined by one space; left out where
	// it is needed in any case). Labels: the lines that make the struct, or
	// with role 1 the fragment's own `name!:`.
	MissingField Code = "missing-field"
	// NotConcrete: a field that is there and constrained, but has no value.
	// Args `name`, `expected`; `pattern` (`true`: only patterns make the
	// field, which `name?:` or a policy would not); `soft` (`true`: it is in
	// `defaults`, where only values have a meaning). Labels: the lines that
	// constrain it.
	NotConcrete Code = "not-concrete"
	// OutOfBounds: a value that a bound, a pattern or a list of texts rules
	// out. Args `expected`, `actual`, `candidates` (where it may be one of a
	// few texts: those, joined by one space).
	OutOfBounds Code = "out-of-bounds"
	// WrongType: a value of another type than expected. Args `expected` (as
	// above, or from the schema: CUE's types, `list`, `struct`, joined by
	// ` | `), `actual` (the type, and the value of a scalar: `int 5`),
	// `candidates` as above, `soft` (`true`: in `defaults`, where a component
	// of that name would be).
	WrongType Code = "wrong-type"
	// ClosedDefinition: a fragment's own definition refuses a field that the
	// schema knows. Args `name`, `definition` (such as `#Std`; left out where
	// it is not known). Labels: the field (role 0), then the reference to the
	// definition and the definition's name (role 1). `imported` (`true`): it is
	// one of a package. With `close` as `definition` the call comes first.
	ClosedDefinition Code = "closed-definition"
	// TwoDefaults: CUE defaults (`*x | T`) at one path that are not the same.
	// No args. Labels: the defaults (role 2).
	TwoDefaults Code = "two-defaults"
	// DefaultRuledOut: a CUE default that other lines rule out. Args
	// `expected`, `actual`. Labels: the default (role 2), then those lines.
	DefaultRuledOut Code = "default-ruled-out"
	// SoftRuledOut: a soft value that other lines rule out. Args `expected`,
	// `actual`. Labels: the soft value (role 3, or 4 for the schema's own),
	// then those lines.
	SoftRuledOut Code = "soft-ruled-out"
	// Cycle: a value that needs itself. Args `kind` (`value`: it refers to
	// itself; `structure`: it contains itself without end). Labels: the lines,
	// those of all values of the circle.
	Cycle Code = "cycle"
	// Evaluation: args `message`, `bare`; an error that CUE alone can word. The host
	// shows it as a bad expression.
	Evaluation Code = "evaluation"
	// Unaccounted: a field that a fragment writes, that no value of the tree is
	// made of, and that no error says anything of. Args `name` (empty for a
	// computed one). Label: the field's label.
	Unaccounted Code = "unaccounted"
	// PolicyViolated: args `policy`, `message` (the policy's own), `expected`;
	// `actual` (where it is a scalar), `on` (the targets that it is for, joined
	// by one space; left out for all), `missing` (the name of a field that it
	// requires), `forbidden` (`true`: the field must not be there). Labels:
	// the lines that give the value (for a missing field those of the struct
	// that lacks it; none where only kcc made it), then with role 1 those of
	// the policy.
	PolicyViolated Code = "policy-violated"
)

// Codes of the engine itself.
const (
	// Protocol: args `message`; the request cannot be read.
	Protocol Code = "protocol"
	// Internal: args `message`; a bug in kcc.
	Internal Code = "internal"
)
