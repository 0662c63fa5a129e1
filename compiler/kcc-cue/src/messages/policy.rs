//! Messages about policies: malformed and violated ones.

use kcc_diag::{Code, Diagnostic, field_label};
use kcc_tree::{OriginKind, Path};

use super::{
    bounds,
    mistake::{Line, Mistake, intended},
};
use crate::wire::{Cause, Demand, Part, PolicyProblem, Reference, Rule};

/// The reason why a policy has no result.
struct Undecided<'a> {
    incomplete: Option<&'a str>,
    reference: Option<&'a Reference>,
    part: Option<Part>,
    cause: Option<&'a Cause>,
}

/// Returns a rule as the subject of a sentence.
pub(super) fn rule(rule: Rule, policy: Option<&str>) -> String {
    match (rule, policy) {
        (Rule::Policy, Some(policy)) => format!("policy `{policy}`"),
        (Rule::Policy, None) => "a policy".to_owned(),
        (Rule::Default, _) => "a default".to_owned(),
        (Rule::Pattern, _) => "the model".to_owned(),
    }
}

/// Returns the longest part of a pattern that may be a name: `web` of `=~"^web-.*$"`.
fn stem(pattern: &str) -> &str {
    pattern
        .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
        .map(|part| part.trim_matches(['-', '_']))
        .max_by_key(|part| part.len())
        .unwrap_or_default()
}

impl Mistake<'_> {
    pub(super) fn bad_policy(&self, policy: Option<&str>, problem: &PolicyProblem) -> Diagnostic {
        let whose = policy.map_or_else(
            || "`policies`".to_owned(),
            |policy| format!("policy `{policy}`"),
        );
        let policy = policy.unwrap_or_default();
        let (message, label, help) = match problem {
            PolicyProblem::PolicyTarget { name, candidates } => {
                let path = Path::of(["policies", policy, "on"]);
                let mut error = self.unknown_target(name, candidates).at(path);
                error.code = Code::PolicyBadPolicy;
                error.message = format!("{whose} names unknown target `{name}`");
                return error;
            }
            PolicyProblem::PolicyField { path, candidates } => {
                let name = path.last().map_or("", String::as_str);
                let above = path[..path.len().saturating_sub(1)].join(".");
                let help = match intended(name, candidates) {
                    Some(near) if above.is_empty() => format!("did you mean `{near}`?"),
                    Some(near) => format!("did you mean `{above}.{near}`?"),
                    None => "name a field that the schema has".to_owned(),
                };
                let path = path.join(".");
                (
                    format!("{whose} requires `{path}`, which is not a field of a system"),
                    "no such field",
                    help,
                )
            }
            PolicyProblem::UndecidedPolicy {
                incomplete,
                reference,
                part,
                cause,
            } => {
                let undecided = Undecided {
                    incomplete: incomplete.as_deref(),
                    reference: reference.as_ref(),
                    part: *part,
                    cause: cause.as_ref(),
                };
                return self.undecided_policy(&whose, &undecided);
            }
            PolicyProblem::ClosedPolicy {} => (
                format!("{whose} is a closed definition and allows no other fields"),
                "closed",
                "end the definition it refers to with `...`, or rename it to begin with `_`"
                    .to_owned(),
            ),
            PolicyProblem::IndirectPolicy {} => (
                format!("{whose} comes into the root in a way kcc cannot follow"),
                "a policy",
                "write it under `policies:` at the root, or embed a field that contains it"
                    .to_owned(),
            ),
            PolicyProblem::PolicyMessage {} => (
                format!("{whose} has no message"),
                "expected a string",
                format!("add `message: \"…\"` to `{policy}`, with the purpose of the policy"),
            ),
            PolicyProblem::PolicyTargets {} => (
                format!("`on` of {whose} is not a list of targets"),
                "expected a list of target names",
                "write `on: [\"prod\"]`, or omit `on` for all targets".to_owned(),
            ),
            PolicyProblem::PolicyRequire {} => (
                format!("{whose} requires nothing"),
                "`require` is missing",
                "add `require: {…}` in the shape of the root, such as \
                 `require: services: [string]: replicas: >=2`"
                    .to_owned(),
            ),
            PolicyProblem::MalformedPolicy {} => (
                format!("{whose} is malformed"),
                "expected plain fields",
                "write `policies: NAME: {message: \"…\", require: {…}}`, with plain names"
                    .to_owned(),
            ),
        };
        self.error(Code::PolicyBadPolicy, message, label).help(help)
    }

    /// A policy without a result for something that it requires.
    fn undecided_policy(&self, whose: &str, undecided: &Undecided<'_>) -> Diagnostic {
        let Undecided {
            incomplete,
            reference,
            part,
            cause,
        } = undecided;
        let (why, help) = if let Some(reference) = reference {
            let Reference {
                name,
                within,
                candidates,
            } = reference;
            let help = match intended(name, candidates) {
                Some(near) => format!("write `{near}` instead of `{name}`"),
                None => {
                    format!("refer to a field that `{within}` has, or check for it first with `if`")
                }
            };
            (Some(format!("`{within}` has no field `{name}`")), help)
        } else if *part == Some(Part::Condition) {
            let help =
                "give what it refers to a concrete value, or a default such as `*false | bool`";
            let condition = format!("condition {} has no concrete value", self.code());
            (Some(condition), help.to_owned())
        } else {
            let help =
                "refer to a field that always has a value, or check first: `if … != _|_ {…}`";
            let why = match incomplete {
                Some(name) => Some(format!("`{name}` has no concrete value")),
                None => cause.and_then(|cause| self.reason(cause)),
            };
            (why, help.to_owned())
        };
        let mut message = format!("{whose} cannot be evaluated");
        if let Some(why) = why {
            message = format!("{message}: {why}");
        }
        let label = if self.path.0.is_empty() {
            "has no result".to_owned()
        } else {
            format!(
                "has no result for `{}`",
                self.path.to_string().replace("\"*\"", "*")
            )
        };
        self.error(Code::PolicyBadPolicy, message, label).help(help)
    }

    /// A policy or default for a component that no target has.
    pub(super) fn no_match(&self, whose: &str, name: &str, candidates: &[String]) -> Diagnostic {
        let message = format!("{whose} names `{}`, which no target has", self.path);
        let help = match intended(name, candidates) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("remove `{name}`, or add the component"),
        };
        self.error(Code::PolicyNoMatch, message, "matches nothing")
            .missing(name)
            .help(help)
    }

    /// A pattern that matches no component in any target.
    pub(super) fn no_match_of_pattern(
        &self,
        whose: &str,
        pattern: &str,
        candidates: &[String],
    ) -> Diagnostic {
        let message = format!(
            "{whose} has pattern `[{pattern}]` in `{}`, which matches nothing in any target",
            self.path
        );
        let help = match intended(stem(pattern), candidates) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "change the pattern, or remove it".to_owned(),
        };
        self.error(Code::PolicyNoMatch, message, "matches nothing")
            .missing(pattern)
            .help(help)
    }

    pub(super) fn policy_violated(
        &self,
        policy: &str,
        reason: &str,
        on: &[String],
        demand: Option<&Demand>,
    ) -> Diagnostic {
        // The help names the field by its path inside what the message names.
        let (author, inside) = match self.component() {
            Some((component, inside)) if !inside.0.is_empty() => (component, inside),
            Some((component, _)) => (component, self.path.clone()),
            None if self.path.0.is_empty() => ("the system".to_owned(), self.path.clone()),
            None => (format!("`{}`", self.path), self.path.clone()),
        };
        let mut message = format!("{author} violates policy `{policy}`");
        if !reason.is_empty() {
            // A message is a single line, even if the policy's has several.
            let reason: Vec<&str> = reason.split_whitespace().collect();
            message = format!("{message}: {}", reason.join(" ").trim_end_matches('.'));
        }
        let mut error = Diagnostic::error(Code::PolicyViolated, message);
        if self
            .lines
            .iter()
            .all(|line| line.kind == OriginKind::Constraint)
        {
            // Only kcc gave the value; the owner of the component can give another.
            error = self.with_owner(error, &self.omission());
        }
        for line in self
            .lines
            .iter()
            .filter(|line| line.kind != OriginKind::Schema)
        {
            error = match self.violation_label(*line, demand) {
                None => self.with_lines(error, &[*line]),
                Some(text) if error.labels.is_empty() => error.primary(line.span, text),
                Some(text) => error.secondary(line.span, text),
            };
        }
        error.help(self.remedy(&inside, on, demand))
    }

    /// Returns the label of a line that violates a policy, or `None` if it says what any line
    /// says.
    fn violation_label(&self, line: Line, demand: Option<&Demand>) -> Option<String> {
        let forbidden = matches!(demand, Some(Demand::ForbiddenField {}));
        let verb = if forbidden { "forbidden" } else { "required" };
        Some(match (line.kind, self.author(line.span), demand) {
            (OriginKind::Constraint, Some(author), _) => format!("{verb} by {author}"),
            (OriginKind::Constraint, None, _) => format!("{verb} by the policy"),
            (_, Some(author), _) if forbidden => format!("{author} writes it"),
            (_, None, _) if forbidden => "written here".to_owned(),
            (_, _, Some(Demand::DemandedField { name })) => format!("`{name}` is missing"),
            // The component itself, if only kcc gave the value.
            (_, Some(author), _) if self.is_above(line) => {
                format!("{author} {}", self.omission())
            }
            (_, None, _) if self.is_above(line) => self.omission(),
            _ => return None,
        })
    }

    /// Returns what the author of a component does that does not write the field.
    fn omission(&self) -> String {
        let name = self.path.0.last().map_or("", String::as_str);
        format!("does not set `{name}`")
    }

    /// Returns whether a line is the label of a struct around the field.
    fn is_above(&self, line: Line) -> bool {
        let name = self.path.0.last().map_or("", String::as_str);
        self.is_label(line.span) && self.files.text(line.span) != name
    }

    /// Returns what to do about a violation.
    fn remedy(&self, inside: &Path, on: &[String], demand: Option<&Demand>) -> String {
        // Only kcc gave the value: no more than a struct around it is written.
        let unwritten = self
            .lines
            .iter()
            .all(|line| line.kind == OriginKind::Constraint || self.is_above(*line));
        match demand {
            Some(Demand::DemandedField { .. }) => format!("add `{inside}`"),
            Some(Demand::ForbiddenField {}) if !inside.0.is_empty() => {
                format!("remove `{inside}`")
            }
            Some(Demand::DemandedValue { expected }) if !expected.is_empty() => {
                let example = bounds::example(expected);
                if unwritten && !example.contains('…') {
                    format!("add `{}`", self.in_target(&example, on))
                } else if inside.0.is_empty() {
                    "change the values so that the policy is satisfied".to_owned()
                } else {
                    format!("change `{inside}`: expected {}", bounds::describe(expected))
                }
            }
            _ if inside.0.is_empty() => {
                "change the values so that the policy is satisfied".to_owned()
            }
            _ => format!("change `{inside}` so that the policy is satisfied"),
        }
    }

    /// Returns a value of the path as a fragment writes it: under `on` if the policy applies to a
    /// single target.
    fn in_target(&self, value: &str, on: &[String]) -> String {
        let mut names: Vec<String> = self.path.0.iter().map(|name| field_label(name)).collect();
        if let [target] = on {
            names.splice(0..0, ["on".to_owned(), field_label(target)]);
        }
        format!("{}: {value}", names.join(": "))
    }
}
