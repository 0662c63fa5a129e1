//! The table of what the guest can report, written from `guest/wire/faults.go` by the
//! test of that package: change it there.

use serde::{Deserialize, Serialize};

/// A mistake: a code and its arguments. Unless noted otherwise its error
/// has one label, its position.
///
/// In errors of package eval the first label is the line that decides: a value
/// (role 0) or a default (role 2 or 3). The conjuncts it meets follow (role 1 in a
/// fragment, role 4 in the schema), from all teams: the label's file gives the
/// team.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "code", content = "args", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Detail {
    /// A text that CUE's parser rejects.
    Syntax {
        /// The parser's own message.
        message: String,
    },
    /// A file of another package than `kcc.cue`. The clause or the
    /// file's start is labelled, then the clause of `kcc.cue`.
    PackageClause {
        /// The name in `kcc.cue`.
        expected: String,
        /// Absent if the file has no clause.
        #[serde(default)]
        actual: Option<String>,
    },
    /// One that kcc replaces with a feature of its own. The path is that
    /// of a field without any other value.
    Attribute {
        /// The name, such as `if`.
        name: String,
    },
    /// An import that fails or is not used.
    Import {
        path: String,
        problem: ImportProblem,
    },
    /// A name that nothing defines.
    UnknownName {
        name: String,
        /// The names in scope.
        candidates: Vec<String>,
        /// A package of the standard library that has the name and is not imported.
        #[serde(default)]
        package: Option<String>,
        /// Set if it is interpolated, as in `"web:\(version)"`.
        interpolated: bool,
        /// The reference that reads the key of a data map beside it which has the name;
        /// absent without one.
        #[serde(default)]
        key: Option<String>,
    },
    /// A reference to a field that does not exist. The label is
    /// the reference.
    UnknownReference {
        reference: Reference,
    },
    /// A private name of another team. The use is labelled, then each
    /// definition.
    PrivateName {
        name: String,
        /// The owner.
        team: String,
    },
    /// A field that the schema does not have.
    UnknownField {
        name: String,
        /// The fields that it has there.
        candidates: Vec<String>,
        /// The source of a value without parts, if it cannot be a secret.
        #[serde(default)]
        value: Option<String>,
        /// The lines above it that are indented less, at the first level.
        #[serde(default)]
        indented: Option<Indented>,
    },
    /// A key that begins with `_` and comes into a map of data from
    /// elsewhere, where CUE hides it.
    HiddenKey {
        name: String,
    },
    /// A backing of an undefined kind. The label is the line of `kind`.
    UnknownKind {
        name: String,
        /// The defined kinds.
        candidates: Vec<String>,
    },
    /// A version of a backing that the recipe of its kind does not
    /// support.
    UnknownVersion {
        kind: String,
        version: String,
        /// Versions that it supports.
        candidates: Vec<String>,
    },
    /// A field of a backing that the recipe of its kind does not read.
    IgnoredField {
        kind: String,
        name: String,
        /// Set if a team defines the kind.
        own: bool,
    },
    /// A volume of a backing with the name of one of its kind.
    TakenVolume {
        kind: String,
        name: String,
    },
    /// A secret that is written as text, even if an overlay overrides
    /// it.
    SecretLiteral {},
    /// A misplaced or malformed root field or overlay.
    Overlay {
        problem: OverlayProblem,
    },
    /// A policy that cannot be used.
    BadPolicy {
        /// Absent if `policies` itself is malformed.
        #[serde(default)]
        policy: Option<String>,
        problem: PolicyProblem,
    },
    /// A rule for components that the target lacks, a warning. The label is
    /// the name or the pattern; the host drops the warning if another target has it
    /// among its `matched`.
    NoMatch {
        rule: Rule,
        /// Absent unless the rule is a policy.
        #[serde(default)]
        policy: Option<String>,
        /// The name, or the source of the pattern.
        name: String,
        pattern: bool,
        /// The existing components.
        candidates: Vec<String>,
    },
    /// A comparison of `target` with a text that is not the name of a
    /// target, a warning.
    UnknownTarget {
        name: String,
        candidates: Vec<String>,
        /// Set for `!=`.
        differs: bool,
    },
    /// A loop over all fields of a root field that runs once per field,
    /// a warning. The name is labelled, then the outer loop.
    SlowPattern {
        /// The root field.
        name: String,
    },
    /// A `let` or an alias that nothing uses.
    UnusedName {
        name: String,
        /// Set for the name of a field's value.
        alias: bool,
    },
    /// An expression that CUE cannot compile.
    RefusedExpression {
        cause: Cause,
    },
    /// An expression that fails with any value, such as a division
    /// by zero. What it comes from is labelled too.
    FailedExpression {
        /// Absent for the value of a field.
        #[serde(default)]
        part: Option<Part>,
        /// Absent if CUE says nothing that would help.
        #[serde(default)]
        cause: Option<Cause>,
    },
    /// The fragment's own `error("…")`.
    RaisedError {
        /// Absent if it could contain a secret.
        #[serde(default)]
        text: Option<String>,
    },
    /// An expression that depends on a value which is not
    /// concrete. The lines that declare that value are labelled too.
    IncompleteExpression {
        #[serde(default)]
        part: Option<Part>,
        /// The reference that has no concrete value; absent if it is the expression.
        #[serde(default)]
        reference: Option<String>,
        #[serde(default)]
        cause: Option<Cause>,
    },
    /// A field whose value is a function.
    FunctionValue {},
    /// A set of two or more lines that no longer conflict if any one is left out.
    Conflict {
        /// Set if one line is in the target's overlay, which does not replace the other
        /// one of the same team.
        #[serde(default)]
        unreplaced: Option<Unreplaced>,
    },
    /// A struct with fields that exclude each other, in their lines.
    ExclusiveFields {
        names: Vec<String>,
    },
    /// A field whose short and long form have different values.
    DifferentSpellings {
        /// The path of the other spelling below the component.
        other: String,
    },
    /// A path with different `defaults` of equal strength, which have
    /// role 3.
    EqualDefaults {},
    /// A required field without a value; the path is the field's. The
    /// lines that create the struct are labelled, or with role 1 the fragment's own
    /// `name!:`.
    MissingField {
        name: String,
        expected: Expected,
        /// The existing fields that need it; none if it is always required.
        with: Vec<String>,
    },
    /// A field that exists and is constrained, but has no value.
    NotConcrete {
        name: String,
        expected: Expected,
        /// Set if only patterns create the field, which `name?:` or a policy would not.
        by_pattern: bool,
        /// Set in `defaults`, where only values have a meaning.
        in_defaults: bool,
    },
    /// A value that a bound, a pattern or a list of strings rules out.
    OutOfBounds {
        expected: Expected,
        /// Absent if it could be a secret.
        #[serde(default)]
        actual: Option<String>,
        /// The strings, if it is one of a few.
        options: Vec<String>,
    },
    /// A value of another type than expected.
    WrongType {
        expected: Expected,
        actual: Type,
        /// Absent if it is neither a text nor a list, or could be a secret.
        #[serde(default)]
        written: Option<Written>,
        /// Set in `defaults` for a value where a component of that name would be.
        unowned: bool,
    },
    /// A fragment's own definition that rejects a field which the
    /// schema has. The field is labelled (role 0), then the reference to the
    /// definition and its name (role 1).
    ClosedDefinition {
        name: String,
        /// The definition, such as `#Std`, if it is known.
        #[serde(default)]
        definition: Option<String>,
        /// The path of the closed struct inside it.
        #[serde(default)]
        inside: Option<String>,
        /// Set if it is from a package.
        imported: bool,
    },
    /// A call of `close` that rejects a field. The call is labelled
    /// first.
    ClosedStruct {
        name: String,
    },
    /// A path with different CUE defaults (`*x | T`). The defaults are
    /// labelled (role 2).
    TwoDefaults {},
    /// A CUE default that other lines rule out.
    CueDefaultRuledOut {
        expected: Expected,
        #[serde(default)]
        actual: Option<String>,
    },
    /// A default that other lines rule out; it has role 3, or 4 if
    /// it is the schema's own.
    DefaultRuledOut {
        expected: Expected,
        #[serde(default)]
        actual: Option<String>,
    },
    /// A chain of values that depend on themselves; the lines of all are
    /// labelled.
    Cycle {
        kind: CycleKind,
    },
    /// A field that a fragment writes, but that is in no value of the
    /// tree and in no error. The label is the field's.
    Unaccounted {
        /// Absent for a computed name.
        #[serde(default)]
        name: Option<String>,
    },
    /// A value that a policy rejects. The lines that give the value
    /// are labelled (for a missing field those of the struct that lacks it; none if
    /// only kcc created it), then with role 1 those of the policy.
    PolicyViolated {
        policy: String,
        /// The policy's own message.
        message: String,
        /// The targets it applies to; none for all.
        on: Vec<String>,
        /// Absent for an assertion of its own.
        #[serde(default)]
        demand: Option<Demand>,
    },
    /// A request that cannot be parsed.
    Protocol {
        message: String,
    },
    /// A bug in kcc.
    Internal {
        message: String,
    },
}

/// The selection of a field that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    pub(crate) name: String,
    /// The expression that the field is selected from, such as `services`.
    pub(crate) within: String,
    /// Its fields.
    pub(crate) candidates: Vec<String>,
}

/// A block of lines that are indented below others, without braces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Indented {
    /// The labels of the lines above, such as `services: web`.
    pub(crate) below: String,
    /// The offset of the innermost of these lines, which identifies the block.
    pub(crate) start: usize,
}

/// A value as a fragment writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    /// The text of a plain string.
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// The elements of a list of texts and numbers.
    pub(crate) items: Vec<String>,
}

/// CUE's own message about an expression.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cause {
    pub(crate) message: String,
    /// The same without anything that may be a value.
    pub(crate) bare: String,
}

/// A line that the overlay of its team does not replace. It has to
/// be a default to be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unreplaced {
    /// The source of the line, such as "`_std`".
    pub(crate) by: String,
    /// The field that would have to be a default.
    pub(crate) field: String,
    /// Absent if it could be a secret.
    #[serde(default)]
    pub(crate) default: Option<String>,
    /// Set if the overlay is what is not written out: in a comprehension or with a
    /// computed name it replaces nothing.
    pub(crate) overlay: bool,
}

/// The reason that an import is reported.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum ImportProblem {
    /// A tool package, which is never allowed.
    ToolImport {},
    /// An import that nothing uses.
    UnusedImport {
        /// Its name, if a closer field shadows it.
        #[serde(default)]
        shadowed: Option<String>,
    },
    /// A second import of the same name.
    DuplicateImport {},
    /// A package that imports itself through others, whose imports are
    /// labelled too.
    CyclicImport {},
    /// An import that resolves to no package.
    AbsentPackage {
        reason: Absence,
        /// Similar paths or names.
        candidates: Vec<String>,
        /// The directory or name that the reason is about.
        name: String,
    },
}

/// The reason why an import resolves to no package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// The path cannot be that of a package.
    Unknown,
    /// The system is not a module, so its directories have no import paths.
    NoModule,
    /// It is neither below the root nor in `cue.mod`.
    Elsewhere,
    /// The directory does not exist or has no CUE files.
    Folder,
    /// The directory has no package of that name.
    Package,
    /// The path has no package name, and its last part cannot be one.
    Unnamed,
    /// It is both below the root and in `cue.mod`.
    Ambiguous,
    /// Its directory leads outside the system's.
    Outside,
    /// It is the fragments' own package.
    Fragments,
}

/// A mistake in a root field or an overlay.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum OverlayProblem {
    /// An `on` that is not a struct of static targets.
    MalformedOverlay {},
    /// An overlay for a target that the system lacks.
    OverlayTarget {
        name: String,
        candidates: Vec<String>,
    },
    /// A reference to a field that is not part of the model.
    OverlayReference {
        name: String,
        /// Set if something inside the field is selected.
        selects: bool,
    },
    /// An `on` or `policies` inside another block.
    NestedBlock {
        name: String,
    },
    /// A root field outside the model that comes in through a
    /// reference.
    IndirectField {
        name: String,
    },
    /// `system` outside `kcc.cue` or inside `on`.
    MisplacedSystem {},
    /// A declaration that `target` refers to instead of the
    /// evaluated target, a warning.
    ShadowedTarget {
        name: String,
    },
}

/// The reason that a policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum PolicyProblem {
    /// A policy that is not written in plain fields.
    MalformedPolicy {},
    /// A policy without a message.
    PolicyMessage {},
    /// A policy whose `on` is not a list of targets.
    PolicyTargets {},
    /// A policy that requires nothing.
    PolicyRequire {},
    /// A policy for a target that the system lacks.
    PolicyTarget {
        name: String,
        candidates: Vec<String>,
    },
    /// A requirement of a path that the schema lacks.
    PolicyField {
        /// The path up to the first name that the schema lacks.
        path: Vec<String>,
        /// The names that the schema has there.
        candidates: Vec<String>,
    },
    /// A policy without a result for the path.
    UndecidedPolicy {
        /// The reference that has no concrete value.
        #[serde(default)]
        incomplete: Option<String>,
        /// A reference to a field that does not exist, if it has one.
        #[serde(default)]
        reference: Option<Reference>,
        /// Set for a condition.
        #[serde(default)]
        part: Option<Part>,
        /// CUE's message otherwise.
        #[serde(default)]
        cause: Option<Cause>,
    },
    /// A policy that is a definition and rejects all other fields.
    ClosedPolicy {},
    /// A policy at the root that no embedding of a file accounts
    /// for.
    IndirectPolicy {},
}

/// The demand of a policy that is violated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Demand {
    /// A field that has to exist.
    DemandedField {
        name: String,
    },
    /// A field that must not exist.
    ForbiddenField {},
    /// A value that satisfies constraints.
    DemandedValue {
        expected: Expected,
    },
}

/// The set of alternatives that a field accepts. It is empty if nothing
/// is known.
pub(crate) type Expected = Vec<Alternative>;

/// A list of bounds that have to hold together.
pub(crate) type Alternative = Vec<Bound>;

/// One constraint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Bound {
    /// A type whose values are accepted.
    OfType {
        kind: Type,
    },
    /// `>=`.
    AtLeast {
        limit: String,
    },
    /// `<=`.
    AtMost {
        limit: String,
    },
    /// `>`.
    MoreThan {
        limit: String,
    },
    /// `<`.
    LessThan {
        limit: String,
    },
    /// `!=`.
    Unlike {
        value: String,
    },
    /// `=~`.
    Matching {
        /// The pattern, without the quotes of a plain string.
        pattern: String,
    },
    /// `!~`.
    NotMatching {
        pattern: String,
    },
    /// A list without a limit to its length: `[...T]`.
    Elements {
        each: Expected,
    },
    /// A string.
    Literal {
        /// As CUE writes it, with its quotes.
        source: String,
    },
    /// Any other expression.
    Other {
        source: String,
    },
}

/// A part of a struct that decides which fields it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// `condition`.
    Condition,
    /// The list or struct that a `for` iterates over.
    Source,
    /// `label`.
    Label,
    /// `pattern`.
    Pattern,
    /// `embedding`.
    Embedding,
}

/// Something that constrains components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rule {
    /// `policy`.
    Policy,
    /// `default`.
    Default,
    /// A pattern that is part of the model itself.
    Pattern,
}

/// A way in which a value depends on itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CycleKind {
    /// It refers to itself.
    Value,
    /// It contains itself without end.
    Structure,
}

/// A type of CUE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Type {
    /// `bool`.
    Bool,
    /// `bytes`.
    Bytes,
    /// `float`.
    Float,
    /// `int`.
    Int,
    /// `list`.
    List,
    /// `null`.
    Null,
    /// `number`.
    Number,
    /// `string`.
    String,
    /// `struct`.
    Struct,
    /// Whole numbers that are not negative.
    Uint,
    /// Several types, any type, or none of the others.
    Other,
}
