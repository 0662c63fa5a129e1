//! The text form of a plan: one aligned line per operation and finding, with its
//! cause. The sign in front carries the action, so that colour never has to.

use std::{collections::BTreeMap, fmt::Write};

use crate::{Action, FieldChange, Finding, Operation, Plan};

/// One line of a plan, in columns.
struct Line<'a> {
    sign: &'static str,
    action: &'static str,
    kind: &'a str,
    name: &'a str,
    cause: &'a str,
    /// The text after the cause: lost data, the team.
    suffix: String,
    /// The fields that change.
    changes: &'a [FieldChange],
    /// The ways out, one action each.
    help: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn of_operation(operation: &'a Operation) -> Self {
        let data = if operation.destroys_data {
            " (its data is lost)"
        } else {
            ""
        };
        Self {
            sign: match operation.action {
                Action::Create => "+",
                Action::Update => "~",
                Action::Replace => "±",
                Action::Delete => "-",
                Action::Run => ">",
            },
            action: operation.action.as_str(),
            kind: &operation.kind,
            name: &operation.name,
            cause: &operation.cause,
            suffix: format!("{data}{}", team(operation.team.as_deref())),
            changes: &operation.changes,
            help: Vec::new(),
        }
    }

    fn of_finding(finding: &'a Finding) -> Self {
        Self {
            sign: if finding.finding.is_open() { "!" } else { "=" },
            action: finding.finding.as_str(),
            kind: &finding.kind,
            name: &finding.name,
            cause: &finding.cause,
            suffix: team(finding.team.as_deref()),
            changes: &[],
            help: finding
                .help
                .iter()
                .chain(&finding.alternatives)
                .map(String::as_str)
                .collect(),
        }
    }
}

fn team(team: Option<&str>) -> String {
    team.map(|team| format!(" [{team}]")).unwrap_or_default()
}

impl<P> Plan<P> {
    /// Formats the plan for people, ending with a line break.
    pub fn to_text(&self) -> String {
        let scope = &self.scope;
        let head = if self.is_up_to_date() {
            format!("nothing to do, {} unchanged", objects(self.unchanged))
        } else {
            self.summary()
        };
        let only = self.only.iter().flatten();
        let only: Vec<_> = only.map(|name| format!("`{name}`")).collect();
        let only = match only.as_slice() {
            [] => String::new(),
            names => format!(", only {}", names.join(", ")),
        };
        let mut text = format!("{scope}{only}: {head}\n");
        if self.is_empty() && self.findings.is_empty() {
            return text;
        }
        text.push('\n');
        // Deletions come first, whenever they are performed.
        let (removals, others): (Vec<_>, Vec<_>) = self
            .operations()
            .partition(|operation| operation.action == Action::Delete);
        let operations = removals.into_iter().chain(others).map(Line::of_operation);
        let findings = self.findings.iter().map(Line::of_finding);
        let lines: Vec<_> = operations.chain(findings).collect();
        let width = |of: for<'l> fn(&'l Line<'_>) -> &'l str| {
            lines.iter().map(|line| of(line).chars().count()).max()
        };
        let action = width(|line| line.action).unwrap_or(0);
        let kind = width(|line| line.kind).unwrap_or(0);
        let name = width(|line| line.name).unwrap_or(0);
        for line in &lines {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {} {:action$} {:kind$}  {:name$}  {}{}",
                line.sign, line.action, line.kind, line.name, line.cause, line.suffix,
            );
            for change in line.changes {
                let _ = writeln!(text, "      {change}");
            }
            for (at, help) in line.help.iter().enumerate() {
                let label = if at == 0 { "help" } else { "  or" };
                let _ = writeln!(text, "      {label}: {help}");
            }
        }
        text
    }

    /// Returns a summary such as `1 to delete, 2 to create, 1 not ready, 3 objects unchanged`.
    pub fn summary(&self) -> String {
        let actions = [
            Action::Delete,
            Action::Create,
            Action::Update,
            Action::Replace,
            Action::Run,
        ];
        let mut parts = Vec::new();
        for action in actions {
            let of = self.operations().filter(|one| one.action == action);
            let (data, other): (Vec<_>, Vec<_>) = of.partition(|one| one.destroys_data);
            let count = data.len() + other.len();
            if count > 0 {
                let data = match data.len() {
                    0 => String::new(),
                    data => format!(" ({data} with data)"),
                };
                parts.push(format!("{count} to {}{data}", action.as_str()));
            }
        }
        let mut findings: BTreeMap<_, usize> = BTreeMap::new();
        for finding in self.findings.iter().filter(|one| one.finding.is_open()) {
            *findings.entry(finding.finding).or_default() += 1;
        }
        for (finding, count) in findings {
            parts.push(format!("{count} {}", finding.as_str()));
        }
        parts.push(format!("{} unchanged", objects(self.unchanged)));
        parts.join(", ")
    }
}

fn objects(count: usize) -> String {
    if count == 1 {
        "1 object".to_owned()
    } else {
        format!("{count} objects")
    }
}
