//! Decides which diagnostics to leave out because they follow from another mistake.
//!
//! Evaluation, building and the rules go on after a mistake and report whatever
//! they see. Only this module drops a diagnostic for the sake of another one, by
//! what the two are about ([`kcc_diag::Subject`]), what they say of it
//! ([`MistakeKind`]) and where. Takes the diagnostics of all three and returns
//! those to show. What is left out is repaired together with the mistake that it
//! follows from, so three things hold for every consequence: its cause is an
//! error, the cause concerns the same target, and it is shown itself or follows
//! from one that is.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostic, Diagnostics, MistakeKind, Severity, Span, Stage};
use kcc_tree::{ConfigTree, Path, schema::component_fields};

/// The fields that make a team the owner of a component.
const DEFINING_FIELDS: [&str; 3] = ["image", "build", "kind"];

/// The part of the compiler that found a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FoundBy {
    /// Loading or evaluation.
    Evaluation,
    /// Building the model, or a rule.
    Model,
}

/// A diagnostic, and what found it.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    by: FoundBy,
    diagnostic: &'a Diagnostic,
}

/// Returns true if the first mistake follows from the second, in a target that
/// both concern.
type Consequence = fn(Found<'_>, Found<'_>) -> bool;

const CONSEQUENCES: [Consequence; 12] = [
    missing_because_misspelled,
    wrong_because_not_evaluated,
    no_owner_without_defining_field,
    missing_because_not_owned,
    system_component_without_team,
    unused_because_not_evaluated,
    unused_while_something_is_wrong,
    port_because_misspelled,
    blocked_because_not_evaluated,
    blocked_on_every_node,
    wrong_because_secret_literal,
    because_line_is_rejected,
];

/// Leaves out the diagnostics that follow from others, in the targets in which
/// they do, and those about something absent that a file which could be read only
/// in part may contain.
pub(crate) fn without_consequences(
    tree: &ConfigTree,
    evaluated: Diagnostics,
    of_model: Diagnostics,
) -> Diagnostics {
    let by = |by| move |diagnostic| (by, diagnostic);
    let all: Vec<(FoundBy, Diagnostic)> = evaluated
        .into_iter()
        .map(by(FoundBy::Evaluation))
        .chain(of_model.into_iter().map(by(FoundBy::Model)))
        .collect();
    let found = all.iter().map(|(by, diagnostic)| Found {
        by: *by,
        diagnostic,
    });
    let errors = Errors::of(found.clone());
    found
        .filter(|found| {
            found.by == FoundBy::Evaluation || !may_be_unread(tree, &found.diagnostic.kind)
        })
        .filter_map(|found| remaining(found, &errors))
        .collect()
}

/// The errors of a system, by what they share with their consequences, so that a
/// badly broken system does not compare each diagnostic with every error.
#[derive(Default)]
struct Errors<'a> {
    paths: BTreeMap<&'a [String], Vec<Found<'a>>>,
    /// Misspelled fields, by the path that was probably intended.
    intended: BTreeMap<&'a [String], Vec<Found<'a>>>,
    lines: BTreeMap<Span, Vec<Found<'a>>>,
    all: Vec<Found<'a>>,
}

impl<'a> Errors<'a> {
    fn of(found: impl Iterator<Item = Found<'a>>) -> Self {
        let mut errors = Self::default();
        for error in found.filter(|found| found.diagnostic.severity == Severity::Error) {
            if let Some(path) = error.path() {
                errors.paths.entry(&path.0).or_default().push(error);
            }
            if let MistakeKind::Misspelled(intended) = &error.diagnostic.kind {
                let intended = errors.intended.entry(&intended.0);
                intended.or_default().push(error);
            }
            errors.all.push(error);
            if let Some(label) = error.diagnostic.labels.first() {
                errors.lines.entry(label.span).or_default().push(error);
            }
        }
        errors
    }

    /// Returns every error that a diagnostic may follow from, some of them twice.
    fn possible_causes(&self, effect: Found<'a>) -> impl Iterator<Item = Found<'a>> {
        let path = effect.path().map(|path| &path.0[..]);
        let above = path
            .into_iter()
            .flat_map(|path| (0..path.len()).filter_map(|length| self.paths.get(&path[..length])));
        let below = path.into_iter().flat_map(|path| within(&self.paths, path));
        let intended = path
            .into_iter()
            .flat_map(|path| within(&self.intended, path));
        let labels = effect.diagnostic.labels.iter();
        let lines = labels.filter_map(|label| self.lines.get(&label.span));
        let of_teams = (effect.diagnostic.code == Code::OwnSystemComponent)
            .then(|| self.paths.iter().filter(|(path, _)| is_of_teams(path)));
        let of_teams = of_teams.into_iter().flatten().map(|(_, errors)| errors);
        let misspelled = uses_port(effect.diagnostic.code).then(|| self.intended.values());
        let any = is_unused_reference(effect.diagnostic.code).then_some(&self.all);
        let all = above
            .chain(below)
            .chain(intended)
            .chain(lines)
            .chain(of_teams)
            .chain(misspelled.into_iter().flatten())
            .chain(any);
        all.flatten().copied()
    }
}

/// Returns the entries at a path and below it.
fn within<'a, 'm, T>(
    map: &'m BTreeMap<&'a [String], T>,
    path: &'a [String],
) -> impl Iterator<Item = &'m T> {
    let from = map.range(path..);
    let within = from.take_while(move |(below, _)| below.starts_with(path));
    within.map(|(_, value)| value)
}

fn is_of_teams(path: &[String]) -> bool {
    matches!(path, [system, teams, ..] if system == "system" && teams == "teams")
}

/// Returns a diagnostic for the targets in which it follows from no error; `None`
/// if there are none.
fn remaining<'a>(effect: Found<'a>, errors: &Errors<'a>) -> Option<Diagnostic> {
    let mut rest = effect.diagnostic.clone();
    for cause in errors.possible_causes(effect) {
        if !follows(effect, cause) {
            continue;
        }
        let everywhere = cause.diagnostic.targets.is_empty()
            // If one target could not be evaluated, it may use the subject.
            || matches!(effect.diagnostic.kind, MistakeKind::Unused(_));
        if everywhere || rest.targets.is_empty() {
            return None;
        }
        rest.targets
            .retain(|target| !cause.diagnostic.targets.contains(target));
        if rest.targets.is_empty() {
            return None;
        }
    }
    Some(rest)
}

fn follows(effect: Found<'_>, cause: Found<'_>) -> bool {
    let mut all = CONSEQUENCES.iter();
    all.any(|follows| follows(effect, cause))
}

/// Returns true if something seems to be absent, but may be in a file that could
/// be read only in part. Files that do not contain its name are ignored, so that a
/// syntax error of one team does not hide the mistakes of another. Evaluation
/// leaves out by itself what may be in a file that it could not parse.
fn may_be_unread(tree: &ConfigTree, kind: &MistakeKind) -> bool {
    let mut partial = tree.partial.iter().filter_map(|id| tree.files.get(*id));
    match kind {
        MistakeKind::Wrong | MistakeKind::Misspelled(_) => false,
        MistakeKind::Unused(names) => partial.any(|file| {
            let mut names_in = names.iter().map(|name| contains_word(file.text(), name));
            file.text().is_empty() || names.is_empty() || names_in.any(|found| found)
        }),
        // A file that could not be read at all may contain any name.
        MistakeKind::Missing(name) => {
            partial.any(|file| file.text().is_empty() || contains_word(file.text(), name))
        }
    }
}

/// Returns true if a text contains a name as a whole word.
fn contains_word(text: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    !name.is_empty()
        && text.match_indices(name).any(|(at, word)| {
            !text[..at].ends_with(inside) && !text[at + word.len()..].starts_with(inside)
        })
}

/// A field that is missing because its name is misspelled.
fn missing_because_misspelled(effect: Found<'_>, cause: Found<'_>) -> bool {
    match (&effect.diagnostic.kind, &cause.diagnostic.kind) {
        (MistakeKind::Missing(_), MistakeKind::Misspelled(intended)) => {
            effect.path() == Some(intended)
        }
        _ => false,
    }
}

/// A value that is missing or wrong in the model, where evaluation failed at it, in
/// it or above it.
fn wrong_because_not_evaluated(effect: Found<'_>, cause: Found<'_>) -> bool {
    // An error about all components does not explain a field missing in one.
    let is_root_field = |path: &Path| matches!(&path.0[..], [field] if component_fields().contains(&field.as_str()));
    effect.by == FoundBy::Model
        && effect.stage() == Stage::Eval
        && cause.by == FoundBy::Evaluation
        && cause.path().is_some_and(|path| !is_root_field(path))
        && effect.is_related_to(cause)
}

/// A component without an owner, because its `image`, `build` or `kind` is
/// misspelled or missing.
fn no_owner_without_defining_field(effect: Found<'_>, cause: Found<'_>) -> bool {
    let defines = |path: &Path| {
        path.0.split_last().is_some_and(|(field, component)| {
            DEFINING_FIELDS.contains(&field.as_str())
                && effect.path().is_some_and(|path| path.0 == component)
        })
    };
    effect.diagnostic.code == Code::OwnNoOwner
        && cause.by == FoundBy::Evaluation
        && match (cause.diagnostic.code, &cause.diagnostic.kind) {
            // The name may be that of a field which other components have.
            (Code::EvalUnknownField, MistakeKind::Misspelled(intended)) => {
                defines(intended) || cause.path().is_some_and(defines)
            }
            (Code::EvalUnknownField | Code::EvalMissingField, _) => {
                cause.path().is_some_and(defines)
            }
            _ => false,
        }
}

/// A component without `image`, `build` or `kind`, which no team owns for that
/// reason: which team should write it is the better question.
fn missing_because_not_owned(effect: Found<'_>, cause: Found<'_>) -> bool {
    effect.by == FoundBy::Model
        && effect.diagnostic.code == Code::EvalMissingField
        && cause.diagnostic.code == Code::OwnNoOwner
        && effect.path() == cause.path()
}

/// A component that seems to be in the system's own files, because the directory of
/// its team is wrong.
fn system_component_without_team(effect: Found<'_>, cause: Found<'_>) -> bool {
    effect.diagnostic.code == Code::OwnSystemComponent
        && cause.by == FoundBy::Evaluation
        && cause.path().is_some_and(|path| is_of_teams(&path.0))
}

/// A grant that nothing seems to use, because it could not be evaluated.
fn unused_because_not_evaluated(effect: Found<'_>, cause: Found<'_>) -> bool {
    effect.diagnostic.code == Code::CheckUnusedGrant
        && cause.by == FoundBy::Evaluation
        && effect.is_related_to(cause)
}

/// A secret or config that seems unused, while any of the errors may be about a
/// reference to it.
fn unused_while_something_is_wrong(effect: Found<'_>, _: Found<'_>) -> bool {
    is_unused_reference(effect.diagnostic.code)
}

fn is_unused_reference(code: Code) -> bool {
    matches!(code, Code::CheckUnusedSecret | Code::CheckUnusedConfig)
}

/// Returns true for an error about a use of a port.
fn uses_port(code: Code) -> bool {
    matches!(
        code,
        Code::CheckUnknownProbePort
            | Code::CheckRoutePort
            | Code::CheckNeedPort
            | Code::CheckUnknownOutput
    )
}

/// A use of a port that a component does not have, because its field is misspelled.
fn port_because_misspelled(effect: Found<'_>, cause: Found<'_>) -> bool {
    let (MistakeKind::Missing(name), MistakeKind::Misspelled(intended)) =
        (&effect.diagnostic.kind, &cause.diagnostic.kind)
    else {
        return false;
    };
    let [_, component, field, ..] = &intended.0[..] else {
        return false;
    };
    let of_component = || {
        let component = Path(intended.0[..2].to_vec());
        effect.path().is_some_and(|path| path.is_within(&component))
    };
    ["port", "ports"].contains(&field.as_str())
        && uses_port(effect.diagnostic.code)
        && (of_component() || name == component)
}

/// A disruption budget that could not be evaluated.
fn blocked_because_not_evaluated(effect: Found<'_>, cause: Found<'_>) -> bool {
    effect.diagnostic.code == Code::CheckDisruptionBlocked
        && cause.by == FoundBy::Evaluation
        && effect.is_related_to(cause)
}

/// The disruption budget of a component that cannot have one.
fn blocked_on_every_node(effect: Found<'_>, cause: Found<'_>) -> bool {
    effect.diagnostic.code == Code::CheckDisruptionBlocked
        && cause.diagnostic.code == Code::CheckEveryNode
        && effect.is_related_to(cause)
}

/// A value of the wrong type, where text stands in for a reference to a secret.
fn wrong_because_secret_literal(effect: Found<'_>, cause: Found<'_>) -> bool {
    effect.by == FoundBy::Evaluation
        && effect.stage() == Stage::Eval
        && cause.by == FoundBy::Model
        && cause.diagnostic.code == Code::CheckSecretLiteral
        && effect.path() == cause.path()
}

/// A mistake that goes away once a line is removed that is wrong for another
/// reason: a line of a team that may not set this path conflicts with nobody, and
/// a policy does not apply to an invalid value.
fn because_line_is_rejected(effect: Found<'_>, cause: Found<'_>) -> bool {
    let rejected = cause.diagnostic.labels.first().map(|label| label.span);
    let labels = |span: Span| {
        let mut labels = effect.diagnostic.labels.iter();
        labels.any(|label| label.span == span)
    };
    if effect.by != FoundBy::Evaluation {
        return false;
    }
    match (cause.diagnostic.code, effect.diagnostic.code) {
        (
            Code::OwnForeignValue | Code::OwnForeignConstraint,
            Code::EvalConflict
            | Code::EvalOutOfBounds
            | Code::EvalWrongType
            | Code::EvalTwoDefaults
            | Code::EvalDefaultRuledOut
            | Code::PolicyViolated,
        ) => rejected.is_some_and(labels),
        (_, Code::PolicyViolated) => {
            matches!(cause.stage(), Stage::Eval | Stage::Model)
                && effect.path() == cause.path()
                && effect.diagnostic.labels.first().map(|label| label.span) == rejected
        }
        _ => false,
    }
}

impl<'a> Found<'a> {
    fn stage(self) -> Stage {
        self.diagnostic.code.stage()
    }

    fn path(self) -> Option<&'a Path> {
        self.diagnostic.subject.path()
    }

    fn is_related_to(self, other: Self) -> bool {
        let paths = self.path().zip(other.path());
        paths.is_some_and(|(path, other)| path.is_related_to(other))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use kcc_diag::{FileId, Files};
    use kcc_tree::{Node, Value};

    use super::*;

    fn tree(partial: &[&str]) -> ConfigTree {
        let mut files = Files::new();
        let partial = partial.iter().enumerate();
        let partial = partial.map(|(at, text)| files.add(format!("{at}.cue"), *text));
        let partial: BTreeSet<FileId> = partial.collect();
        ConfigTree {
            files: Arc::new(files),
            system: Node {
                value: Value::Absent,
                origins: Vec::new(),
            },
            targets: BTreeMap::new(),
            declarations: BTreeMap::new(),
            policies: BTreeMap::new(),
            partial,
            blame: BTreeMap::new(),
        }
    }

    fn path(path: &str) -> Path {
        Path(path.split('.').map(str::to_owned).collect())
    }

    fn error(code: Code, at: &str) -> Diagnostic {
        Diagnostic::error(code, "no").at(path(at))
    }

    fn warning(code: Code, at: &str) -> Diagnostic {
        Diagnostic::warning(code, "no").at(path(at))
    }

    fn line(at: u32) -> Span {
        Span {
            file: FileId(0),
            start: at,
            end: at + 1,
        }
    }

    /// Returns the diagnostics that are left: the last part of each code, and the
    /// targets.
    fn left<const N: usize, const M: usize>(
        evaluated: [Diagnostic; N],
        of_model: [Diagnostic; M],
    ) -> Vec<String> {
        left_of(&tree(&[]), evaluated, of_model)
    }

    fn left_of<const N: usize, const M: usize>(
        tree: &ConfigTree,
        evaluated: [Diagnostic; N],
        of_model: [Diagnostic; M],
    ) -> Vec<String> {
        let found = |by: FoundBy| move |diagnostic| Found { by, diagnostic };
        let all = evaluated.iter().map(found(FoundBy::Evaluation));
        let all = all.chain(of_model.iter().map(found(FoundBy::Model)));
        every_cause_is_possible(&all.collect::<Vec<_>>());
        let all = |all: Vec<Diagnostic>| all.into_iter().collect();
        without_consequences(tree, all(evaluated.into()), all(of_model.into()))
            .into_iter()
            .map(|one| {
                let code = one.code.as_str().rsplit("::").next().unwrap_or_default();
                let targets: Vec<&str> = one.targets.iter().map(String::as_str).collect();
                format!("{code} {}", targets.join(" ")).trim().to_owned()
            })
            .collect()
    }

    /// Compares each diagnostic with every error, as the index need not.
    fn every_cause_is_possible(found: &[Found<'_>]) {
        let errors = Errors::of(found.iter().copied());
        let is_error = |found: &&Found<'_>| found.diagnostic.severity == Severity::Error;
        for effect in found {
            for cause in found.iter().filter(is_error) {
                let mut possible = errors.possible_causes(*effect);
                assert!(
                    !follows(*effect, *cause)
                        || possible.any(|found| std::ptr::eq(found.diagnostic, cause.diagnostic)),
                    "{effect:?} follows from {cause:?}"
                );
            }
        }
    }

    #[test]
    fn only_an_error_is_a_cause() {
        let blocked = error(
            Code::CheckDisruptionBlocked,
            "services.web.disruption.minAvailable",
        );
        let at = "services.web.disruption";
        let cause = error(Code::EvalConflict, at);
        assert_eq!(left([cause], [blocked.clone()]), ["conflict"]);
        let suspicious = warning(Code::EvalSlowPattern, at);
        assert_eq!(
            left([suspicious], [blocked]),
            ["slow-pattern", "disruption-blocked"]
        );
        let unowned = warning(Code::OwnSystemComponent, "services.web");
        let other_owners = warning(Code::OwnCodeowners, "system.teams.pay.owners");
        assert_eq!(
            left([other_owners], [unowned.clone()]),
            ["codeowners", "system-component"]
        );
        let lost = error(Code::LoadTeamFolder, "system.teams.pay.path");
        assert_eq!(left([lost], [unowned]), ["team-folder"]);
    }

    #[test]
    fn a_consequence_is_left_out_only_where_its_cause_is() {
        let cause = error(Code::EvalConflict, "services.web.image").target("dev");
        let effects = ["dev", "prod"]
            .map(|target| error(Code::EvalMissingField, "services.web").target(target));
        assert_eq!(
            left([cause.clone()], effects.clone()),
            ["conflict dev", "missing-field prod"]
        );
        let both = error(Code::EvalMissingField, "services.web")
            .target("dev")
            .target("prod");
        assert_eq!(
            left([cause], [both]),
            ["conflict dev", "missing-field prod"]
        );
        let everywhere = error(Code::EvalConflict, "services.web.image");
        assert_eq!(left([everywhere], effects.clone()), ["conflict"]);
        let unused = warning(Code::CheckUnusedGrant, "grants.all")
            .target("prod")
            .unused_by_name(["all"]);
        let of_grant = error(Code::EvalConflict, "grants.all.to").target("dev");
        assert_eq!(left([of_grant], [unused]), ["conflict dev"]);
    }

    #[test]
    fn an_error_about_all_components_explains_nothing_about_one() {
        let all = error(Code::EvalConflict, "services");
        let one = error(Code::EvalMissingField, "services.web");
        assert_eq!(left([all], [one.clone()]), ["conflict", "missing-field"]);
        let other = error(Code::EvalConflict, "services.web-2.image");
        assert_eq!(left([other], [one]), ["conflict", "missing-field"]);
    }

    #[test]
    fn a_misspelled_port_is_not_missing_where_it_is_used() {
        let mut misspelled = error(Code::EvalUnknownField, "services.web.prot");
        misspelled.kind = MistakeKind::Misspelled(path("services.web.port"));
        let probe = error(Code::CheckUnknownProbePort, "services.web.health").missing_here();
        let other = error(Code::CheckUnknownProbePort, "services.api.health").missing_here();
        let need = error(Code::CheckNeedPort, "services.api.needs.web.port").missing("web");
        assert_eq!(
            left([misspelled], [probe, other, need]),
            ["unknown-field", "unknown-probe-port"]
        );
    }

    #[test]
    fn nothing_is_unused_while_something_is_wrong() {
        let unused = warning(Code::CheckUnusedSecret, "secrets.key").unused();
        let unknown = error(Code::CheckUnknownSecret, "services.web.env.KEY");
        assert_eq!(left([], [unused.clone(), unknown]), ["unknown-secret"]);
        let suspicious = warning(Code::EvalSlowPattern, "services");
        assert_eq!(
            left([suspicious], [unused]),
            ["slow-pattern", "unused-secret"]
        );
    }

    #[test]
    fn a_misspelled_field_is_not_missing_as_well() {
        let mut misspelled = error(Code::EvalUnknownField, "services.web.imag");
        misspelled.kind = MistakeKind::Misspelled(path("services.web.image"));
        let missing = error(Code::EvalMissingField, "services.web.image").missing_here();
        let no_owner = error(Code::OwnNoOwner, "services.web").missing_here();
        let left_alone = error(Code::OwnNoOwner, "services.api").missing_here();
        assert_eq!(
            left([misspelled, missing], [no_owner, left_alone]),
            ["unknown-field", "no-owner"]
        );
    }

    #[test]
    fn the_better_description_of_a_mistake_stays() {
        let wrong = error(Code::EvalWrongType, "secrets.key");
        let literal = error(Code::CheckSecretLiteral, "secrets.key");
        assert_eq!(left([wrong], [literal]), ["secret-literal"]);
        let missing = error(Code::EvalMissingField, "backing.db").missing_here();
        let no_owner = error(Code::OwnNoOwner, "backing.db").missing_here();
        assert_eq!(left([], [missing, no_owner]), ["no-owner"]);
        let blocked = error(
            Code::CheckDisruptionBlocked,
            "services.web.disruption.minAvailable",
        );
        let every_node = error(Code::CheckEveryNode, "services.web.disruption");
        assert_eq!(left([], [blocked, every_node]), ["every-node"]);
    }

    #[test]
    fn a_line_that_has_to_go_causes_nothing_else() {
        let conflict = error(Code::EvalConflict, "services.web.replicas")
            .primary(line(1), "")
            .secondary(line(2), "");
        let foreign =
            |at| error(Code::OwnForeignValue, "services.web.replicas").primary(line(at), "");
        assert_eq!(left([conflict.clone()], [foreign(2)]), ["foreign-value"]);
        assert_eq!(
            left([conflict], [foreign(3)]),
            ["conflict", "foreign-value"]
        );
        let violated = error(Code::PolicyViolated, "services.web.image").primary(line(1), "");
        let invalid = error(Code::ModelBadName, "services.web.image").primary(line(1), "");
        assert_eq!(left([violated], [invalid]), ["bad-name"]);
    }

    #[test]
    fn what_seems_absent_may_be_in_a_file_that_was_read_in_part() {
        let missing = error(Code::CheckUnknownNeed, "services.web.needs.db").missing("db");
        let unused = warning(Code::CheckUnusedKind, "kinds.db").unused_by_name(["db"]);
        let found = [missing, unused];
        let left = |texts: &[&str]| left_of(&tree(texts), [], found.clone());
        assert_eq!(left(&[]), ["unknown-need", "unused-kind"]);
        assert_eq!(left(&["backing: db2: {"]), ["unknown-need", "unused-kind"]);
        for text in ["backing: db: {", ""] {
            assert!(left(&[text]).is_empty(), "{text}");
        }
    }
}
