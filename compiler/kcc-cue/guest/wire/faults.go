package wire

// This file is the table of what the guest can report: one type per code, with
// its arguments as fields. The test of this package writes the host's enums from
// it (compiler/kcc-cue/src/wire/faults.rs); an argument that one side lacks is an
// error of decoding or of compilation, never another message.
//
// A type belongs to the sum whose marker it embeds. A field tagged `optional` is
// left out if it is empty. Only these kinds of field exist: texts, flags, counts, lists,
// texts of a fixed set, sums and other types of this file.

// Detail is a mistake: a code and its arguments. Unless noted otherwise its error
// has one label, its position.
//
// In errors of package eval the first label is the line that decides: a value
// (role 0) or a default (role 2 or 3). The conjuncts it meets follow (role 1 in a
// fragment, role 4 in the schema), from all teams: the label's file gives the
// team.
type Detail interface{ isDetail() }

type detail struct{}

func (detail) isDetail() {}

// Syntax is a text that CUE's parser rejects.
type Syntax struct {
	detail
	// The parser's own message.
	Message string
}

// PackageClause is a file of another package than `kcc.cue`. The clause or the
// file's start is labelled, then the clause of `kcc.cue`.
type PackageClause struct {
	detail
	// The name in `kcc.cue`.
	Expected string
	// Absent if the file has no clause.
	Actual string `wire:"optional"`
}

// Attribute is one that kcc replaces with a feature of its own. The path is that
// of a field without any other value.
type Attribute struct {
	detail
	// The name, such as `if`.
	Name string
}

// Import is an import that fails or is not used.
type Import struct {
	detail
	Path    string
	Problem ImportProblem
}

// UnknownName is a name that nothing defines.
type UnknownName struct {
	detail
	Name string
	// The names in scope.
	Candidates []string
	// A package of the standard library that has the name and is not imported.
	Package string `wire:"optional"`
	// Set if it is interpolated, as in `"web:\(version)"`.
	Interpolated bool
	// The reference that reads the key of a data map beside it which has the name;
	// absent without one.
	Key string `wire:"optional"`
}

// UnknownReference is a reference to a field that does not exist. The label is
// the reference.
type UnknownReference struct {
	detail
	Reference Reference
}

// PrivateName is a private name of another team. The use is labelled, then each
// definition.
type PrivateName struct {
	detail
	Name string
	// The owner.
	Team string
}

// UnknownField is a field that the schema does not have.
type UnknownField struct {
	detail
	Name string
	// The fields that it has there.
	Candidates []string
	// The source of a value without parts, if it cannot be a secret.
	Value string `wire:"optional"`
	// The lines above it that are indented less, at the first level.
	Indented *Indented
}

// HiddenKey is a key that begins with `_` and comes into a map of data from
// elsewhere, where CUE hides it.
type HiddenKey struct {
	detail
	Name string
}

// UnknownKind is a backing of an undefined kind. The label is the line of `kind`.
type UnknownKind struct {
	detail
	Name string
	// The defined kinds.
	Candidates []string
}

// UnknownVersion is a version of a backing that the recipe of its kind does not
// support.
type UnknownVersion struct {
	detail
	Kind    string
	Version string
	// Versions that it supports.
	Candidates []string
}

// IgnoredField is a field of a backing that the recipe of its kind does not read.
type IgnoredField struct {
	detail
	Kind string
	Name string
	// Set if a team defines the kind.
	Own bool
}

// TakenVolume is a volume of a backing with the name of one of its kind.
type TakenVolume struct {
	detail
	Kind string
	Name string
}

// SecretLiteral is a secret that is written as text, even if an overlay overrides
// it.
type SecretLiteral struct{ detail }

// Overlay is a misplaced or malformed root field or overlay.
type Overlay struct {
	detail
	Problem OverlayProblem
}

// BadPolicy is a policy that cannot be used.
type BadPolicy struct {
	detail
	// Absent if `policies` itself is malformed.
	Policy  string `wire:"optional"`
	Problem PolicyProblem
}

// NoMatch is a rule for components that the target lacks, a warning. The label is
// the name or the pattern; the host drops the warning if another target has it
// among its `matched`.
type NoMatch struct {
	detail
	Rule Rule
	// Absent unless the rule is a policy.
	Policy string `wire:"optional"`
	// The name, or the source of the pattern.
	Name    string
	Pattern bool
	// The existing components.
	Candidates []string
}

// UnknownTarget is a comparison of `target` with a text that is not the name of a
// target, a warning.
type UnknownTarget struct {
	detail
	Name       string
	Candidates []string
	// Set for `!=`.
	Differs bool
}

// SlowPattern is a loop over all fields of a root field that runs once per field,
// a warning. The name is labelled, then the outer loop.
type SlowPattern struct {
	detail
	// The root field.
	Name string
}

// UnusedName is a `let` or an alias that nothing uses.
type UnusedName struct {
	detail
	Name string
	// Set for the name of a field's value.
	Alias bool
}

// RefusedExpression is an expression that CUE cannot compile.
type RefusedExpression struct {
	detail
	Cause Cause
}

// FailedExpression is an expression that fails with any value, such as a division
// by zero. What it comes from is labelled too.
type FailedExpression struct {
	detail
	// Absent for the value of a field.
	Part Part `wire:"optional"`
	// Absent if CUE says nothing that would help.
	Cause *Cause
}

// RaisedError is the fragment's own `error("…")`.
type RaisedError struct {
	detail
	// Absent if it could contain a secret.
	Text string `wire:"optional"`
}

// IncompleteExpression is an expression that depends on a value which is not
// concrete. The lines that declare that value are labelled too.
type IncompleteExpression struct {
	detail
	Part Part `wire:"optional"`
	// The reference that has no concrete value; absent if it is the expression.
	Reference string `wire:"optional"`
	Cause     *Cause
}

// FunctionValue is a field whose value is a function.
type FunctionValue struct{ detail }

// Conflict is a set of two or more lines that no longer conflict if any one is left out.
type Conflict struct {
	detail
	// Set if one line is in the target's overlay, which does not replace the other
	// one of the same team.
	Unreplaced *Unreplaced
}

// ExclusiveFields is a struct with fields that exclude each other, in their lines.
type ExclusiveFields struct {
	detail
	Names []string
}

// DifferentSpellings is a field whose short and long form have different values.
type DifferentSpellings struct {
	detail
	// The path of the other spelling below the component.
	Other string
}

// EqualDefaults is a path with different `defaults` of equal strength, which have
// role 3.
type EqualDefaults struct{ detail }

// MissingField is a required field without a value; the path is the field's. The
// lines that create the struct are labelled, or with role 1 the fragment's own
// `name!:`.
type MissingField struct {
	detail
	Name     string
	Expected Expected
	// The existing fields that need it; none if it is always required.
	With []string
}

// NotConcrete is a field that exists and is constrained, but has no value.
type NotConcrete struct {
	detail
	Name     string
	Expected Expected
	// Set if only patterns create the field, which `name?:` or a policy would not.
	ByPattern bool
	// Set in `defaults`, where only values have a meaning.
	InDefaults bool
}

// OutOfBounds is a value that a bound, a pattern or a list of strings rules out.
type OutOfBounds struct {
	detail
	Expected Expected
	// Absent if it could be a secret.
	Actual string `wire:"optional"`
	// The strings, if it is one of a few.
	Options []string
}

// WrongType is a value of another type than expected.
type WrongType struct {
	detail
	Expected Expected
	Actual   Type
	// Absent if it is neither a text nor a list, or could be a secret.
	Written *Written
	// Set in `defaults` for a value where a component of that name would be.
	Unowned bool
}

// ClosedDefinition is a fragment's own definition that rejects a field which the
// schema has. The field is labelled (role 0), then the reference to the
// definition and its name (role 1).
type ClosedDefinition struct {
	detail
	Name string
	// The definition, such as `#Std`, if it is known.
	Definition string `wire:"optional"`
	// The path of the closed struct inside it.
	Inside string `wire:"optional"`
	// Set if it is from a package.
	Imported bool
}

// ClosedStruct is a call of `close` that rejects a field. The call is labelled
// first.
type ClosedStruct struct {
	detail
	Name string
}

// TwoDefaults is a path with different CUE defaults (`*x | T`). The defaults are
// labelled (role 2).
type TwoDefaults struct{ detail }

// CUEDefaultRuledOut is a CUE default that other lines rule out.
type CUEDefaultRuledOut struct {
	detail
	Expected Expected
	Actual   string `wire:"optional"`
}

// DefaultRuledOut is a default that other lines rule out; it has role 3, or 4 if
// it is the schema's own.
type DefaultRuledOut struct {
	detail
	Expected Expected
	Actual   string `wire:"optional"`
}

// Cycle is a chain of values that depend on themselves; the lines of all are
// labelled.
type Cycle struct {
	detail
	Kind CycleKind
}

// Unaccounted is a field that a fragment writes, but that is in no value of the
// tree and in no error. The label is the field's.
type Unaccounted struct {
	detail
	// Absent for a computed name.
	Name string `wire:"optional"`
}

// PolicyViolated is a value that a policy rejects. The lines that give the value
// are labelled (for a missing field those of the struct that lacks it; none if
// only kcc created it), then with role 1 those of the policy.
type PolicyViolated struct {
	detail
	Policy string
	// The policy's own message.
	Message string
	// The targets it applies to; none for all.
	On []string
	// Absent for an assertion of its own.
	Demand Demand `wire:"optional"`
}

// Protocol is a request that cannot be parsed.
type Protocol struct {
	detail
	Message string
}

// Internal is a bug in kcc.
type Internal struct {
	detail
	Message string
}

// Reference is the selection of a field that does not exist.
type Reference struct {
	Name string
	// The expression that the field is selected from, such as `services`.
	Within string
	// Its fields.
	Candidates []string
}

// Indented is a block of lines that are indented below others, without braces.
type Indented struct {
	// The labels of the lines above, such as `services: web`.
	Below string
	// The offset of the innermost of these lines, which identifies the block.
	Start int
}

// Written is a value as a fragment writes it.
type Written struct {
	// The text of a plain string.
	Text string `wire:"optional"`
	// The elements of a list of texts and numbers.
	Items []string
}

// Cause is CUE's own message about an expression.
type Cause struct {
	Message string
	// The same without anything that may be a value.
	Bare string
}

// Unreplaced is a line that the overlay of its team does not replace. It has to
// be a default to be replaced.
type Unreplaced struct {
	// The source of the line, such as "`_std`".
	By string
	// The field that would have to be a default.
	Field string
	// Absent if it could be a secret.
	Default string `wire:"optional"`
	// Set if the overlay is what is not written out: in a comprehension or with a
	// computed name it replaces nothing.
	Overlay bool
}

// ImportProblem is the reason that an import is reported.
type ImportProblem interface{ isImportProblem() }

type importProblem struct{}

func (importProblem) isImportProblem() {}

// ToolImport is a tool package, which is never allowed.
type ToolImport struct{ importProblem }

// UnusedImport is an import that nothing uses.
type UnusedImport struct {
	importProblem
	// Its name, if a closer field shadows it.
	Shadowed string `wire:"optional"`
}

// DuplicateImport is a second import of the same name.
type DuplicateImport struct{ importProblem }

// CyclicImport is a package that imports itself through others, whose imports are
// labelled too.
type CyclicImport struct{ importProblem }

// AbsentPackage is an import that resolves to no package.
type AbsentPackage struct {
	importProblem
	Reason Absence
	// Similar paths or names.
	Candidates []string
	// The directory or name that the reason is about.
	Name string
}

// Absence is the reason why an import resolves to no package.
type Absence string

// The reasons.
const (
	// The path cannot be that of a package.
	AbsenceUnknown Absence = "unknown"
	// The system is not a module, so its directories have no import paths.
	AbsenceNoModule Absence = "no-module"
	// It is neither below the root nor in `cue.mod`.
	AbsenceElsewhere Absence = "elsewhere"
	// The directory does not exist or has no CUE files.
	AbsenceFolder Absence = "folder"
	// The directory has no package of that name.
	AbsencePackage Absence = "package"
	// The path has no package name, and its last part cannot be one.
	AbsenceUnnamed Absence = "unnamed"
	// It is both below the root and in `cue.mod`.
	AbsenceAmbiguous Absence = "ambiguous"
	// Its directory leads outside the system's.
	AbsenceOutside Absence = "outside"
	// It is the fragments' own package.
	AbsenceFragments Absence = "fragments"
)

// OverlayProblem is a mistake in a root field or an overlay.
type OverlayProblem interface{ isOverlayProblem() }

type overlayProblem struct{}

func (overlayProblem) isOverlayProblem() {}

// MalformedOverlay is an `on` that is not a struct of static targets.
type MalformedOverlay struct{ overlayProblem }

// OverlayTarget is an overlay for a target that the system lacks.
type OverlayTarget struct {
	overlayProblem
	Name       string
	Candidates []string
}

// OverlayReference is a reference to a field that is not part of the model.
type OverlayReference struct {
	overlayProblem
	Name string
	// Set if something inside the field is selected.
	Selects bool
}

// NestedBlock is an `on` or `policies` inside another block.
type NestedBlock struct {
	overlayProblem
	Name string
}

// IndirectField is a root field outside the model that comes in through a
// reference.
type IndirectField struct {
	overlayProblem
	Name string
}

// MisplacedSystem is `system` outside `kcc.cue` or inside `on`.
type MisplacedSystem struct{ overlayProblem }

// ShadowedTarget is a declaration that `target` refers to instead of the
// evaluated target, a warning.
type ShadowedTarget struct {
	overlayProblem
	Name string
}

// PolicyProblem is the reason that a policy cannot be used.
type PolicyProblem interface{ isPolicyProblem() }

type policyProblem struct{}

func (policyProblem) isPolicyProblem() {}

// MalformedPolicy is a policy that is not written in plain fields.
type MalformedPolicy struct{ policyProblem }

// PolicyMessage is a policy without a message.
type PolicyMessage struct{ policyProblem }

// PolicyTargets is a policy whose `on` is not a list of targets.
type PolicyTargets struct{ policyProblem }

// PolicyRequire is a policy that requires nothing.
type PolicyRequire struct{ policyProblem }

// PolicyTarget is a policy for a target that the system lacks.
type PolicyTarget struct {
	policyProblem
	Name       string
	Candidates []string
}

// PolicyField is a requirement of a path that the schema lacks.
type PolicyField struct {
	policyProblem
	// The path up to the first name that the schema lacks.
	Path []string
	// The names that the schema has there.
	Candidates []string
}

// UndecidedPolicy is a policy without a result for the path.
type UndecidedPolicy struct {
	policyProblem
	// The reference that has no concrete value.
	Incomplete string `wire:"optional"`
	// A reference to a field that does not exist, if it has one.
	Reference *Reference
	// Set for a condition.
	Part Part `wire:"optional"`
	// CUE's message otherwise.
	Cause *Cause
}

// ClosedPolicy is a policy that is a definition and rejects all other fields.
type ClosedPolicy struct{ policyProblem }

// IndirectPolicy is a policy at the root that no embedding of a file accounts
// for.
type IndirectPolicy struct{ policyProblem }

// Demand is the demand of a policy that is violated.
type Demand interface{ isDemand() }

type demand struct{}

func (demand) isDemand() {}

// DemandedField is a field that has to exist.
type DemandedField struct {
	demand
	Name string
}

// ForbiddenField is a field that must not exist.
type ForbiddenField struct{ demand }

// DemandedValue is a value that satisfies constraints.
type DemandedValue struct {
	demand
	Expected Expected
}

// Expected is the set of alternatives that a field accepts. It is empty if nothing
// is known.
type Expected []Alternative

// Alternative is a list of bounds that have to hold together.
type Alternative []Bound

// Bound is one constraint.
type Bound interface{ isBound() }

type bound struct{}

func (bound) isBound() {}

// OfType is a type whose values are accepted.
type OfType struct {
	bound
	Kind Type
}

// AtLeast is `>=`.
type AtLeast struct {
	bound
	Limit string
}

// AtMost is `<=`.
type AtMost struct {
	bound
	Limit string
}

// MoreThan is `>`.
type MoreThan struct {
	bound
	Limit string
}

// LessThan is `<`.
type LessThan struct {
	bound
	Limit string
}

// Unlike is `!=`.
type Unlike struct {
	bound
	Value string
}

// Matching is `=~`.
type Matching struct {
	bound
	// The pattern, without the quotes of a plain string.
	Pattern string
}

// NotMatching is `!~`.
type NotMatching struct {
	bound
	Pattern string
}

// Elements is a list without a limit to its length: `[...T]`.
type Elements struct {
	bound
	Each Expected
}

// Literal is a string.
type Literal struct {
	bound
	// As CUE writes it, with its quotes.
	Source string
}

// Other is any other expression.
type Other struct {
	bound
	Source string
}

// Part is a part of a struct that decides which fields it has.
type Part string

// The parts.
const (
	PartCondition Part = "condition"
	// The list or struct that a `for` iterates over.
	PartSource    Part = "source"
	PartLabel     Part = "label"
	PartPattern   Part = "pattern"
	PartEmbedding Part = "embedding"
)

// Rule is something that constrains components.
type Rule string

// The rules.
const (
	RulePolicy  Rule = "policy"
	RuleDefault Rule = "default"
	// A pattern that is part of the model itself.
	RulePattern Rule = "pattern"
)

// CycleKind is a way in which a value depends on itself.
type CycleKind string

// The kinds.
const (
	// It refers to itself.
	CycleKindValue CycleKind = "value"
	// It contains itself without end.
	CycleKindStructure CycleKind = "structure"
)

// Type is a type of CUE.
type Type string

// The types.
const (
	TypeBool   Type = "bool"
	TypeBytes  Type = "bytes"
	TypeFloat  Type = "float"
	TypeInt    Type = "int"
	TypeList   Type = "list"
	TypeNull   Type = "null"
	TypeNumber Type = "number"
	TypeString Type = "string"
	TypeStruct Type = "struct"
	// Whole numbers that are not negative.
	TypeUint Type = "uint"
	// Several types, any type, or none of the others.
	TypeOther Type = "other"
)
