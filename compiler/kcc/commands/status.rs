//! `kcc status`: prints the state of every component, and why one is not ready.

use std::fmt::Write;

use clap::Args;
use kcc_diag::{Format, plain};
use kcc_plan::{LabelledObject, StatusReport, listed};

use super::{CommandResult, addresses, json};
use crate::{
    args::{ScopeArgs, System},
    context::Context,
    exit::Exit,
    pipeline, runtime,
};

/// Show the state of every component, and why one is not ready
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc status --target dev\n  kcc status --target prod --format json | jq '.components[] | select(.state != \"running\")'\n  kcc status --target dev --exit-code     exit 1 if a component is not ready"
)]
pub struct Status {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// The system that declares it.
    #[command(flatten)]
    pub system: System,
    /// Exit with status 1 if a component is not ready
    #[arg(long)]
    pub exit_code: bool,
}

impl Status {
    /// Prints the state of every component to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, self.system.dir.as_deref(), &self.scope)?;
        let options = runtime::options(context, &compiled);
        let report = runtime::status(&compiled, &options)?;
        context.printer.data(&match context.settings.format {
            Format::Json => json(&report),
            _ => text(&report) + &notes(&report),
        });
        Ok(if self.exit_code && !report.is_ready() {
            Exit::Configuration
        } else {
            Exit::Done
        })
    }
}

/// Formats the components in columns.
fn text(report: &StatusReport) -> String {
    let head = ["COMPONENT", "TEAM", "STATE", "READY", "ADDRESS", ""].map(str::to_owned);
    let rows = report.components.iter().map(|(name, component)| {
        [
            name.clone(),
            component.team.clone().unwrap_or_else(|| "-".into()),
            component.state.as_str().to_owned(),
            format!("{}/{}", component.ready, component.replicas),
            addresses(&component.addresses, component.address_pending),
            reasons(report, name).replace('\n', " "),
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [0, 1, 2, 3, 4].map(width);
    rows.iter().fold(String::new(), |mut out, row| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        line += &row[5];
        out += plain(line.trim_end()).as_ref();
        out.push('\n');
        out
    })
}

/// Formats what concerns no component.
fn notes(report: &StatusReport) -> String {
    let unapplied = report.unapplied.as_ref();
    let unapplied = unapplied.map(|why| format!("the last apply failed: {why}"));
    let unfinished = report.unfinished.then(|| {
        "a command is changing this target or was killed while it did; \
         `kcc apply` completes what is left"
            .to_owned()
    });
    let others = report.unrecorded.iter().filter(|object| {
        let component = object.component.as_ref();
        component.is_none_or(|name| !report.components.contains_key(name))
    });
    let notes = unapplied.into_iter().chain(unfinished);
    let notes: Vec<_> = notes.chain(unrecorded(report, others)).collect();
    notes.iter().fold(String::new(), |mut out, note| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n{}", plain(&note.replace('\n', " ")));
        out
    })
}

/// Describes the objects that kcc made and no record lists, with the way out.
fn unrecorded<'a>(
    report: &StatusReport,
    objects: impl Iterator<Item = &'a LabelledObject>,
) -> Option<String> {
    let objects: Vec<_> = objects.collect();
    let verb = match objects.len() {
        0 => return None,
        1 => "is",
        _ => "are",
    };
    Some(format!(
        "{} {verb} not in kcc's record; run `{}`",
        listed(objects),
        report.scope.recover_command()
    ))
}

/// Joins the reasons why a component is not ready, not up to date or not recorded.
pub(super) fn reasons(report: &StatusReport, name: &str) -> String {
    let component = &report.components[name];
    let own = report.unrecorded.iter();
    let own = own.filter(|object| object.component.as_deref() == Some(name));
    // Do not repeat the cause of the last apply if it still holds.
    let unapplied = component.unapplied.as_ref();
    let unapplied = unapplied.filter(|why| Some(*why) != component.why.as_ref());
    let unapplied = unapplied.map(|why| format!("the last apply failed: {why}"));
    let reasons = component.why.iter().cloned().chain(unapplied);
    let reasons = reasons.chain(unrecorded(report, own));
    reasons.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use kcc_plan::{Address, ComponentStatus, Scope, State};

    use super::*;

    #[test]
    fn aligns_components_in_columns() {
        let status = |state, ready, why: Option<&str>| ComponentStatus {
            team: Some("storefront".into()),
            state,
            ready,
            replicas: 1,
            why: why.map(str::to_owned),
            unapplied: (state == State::Running).then(|| "crash loop: exit code 3".into()),
            addresses: if ready > 0 {
                vec![Address {
                    text: "127.0.0.1:8080".into(),
                    port: Some(80),
                }]
            } else {
                Vec::new()
            },
            address_pending: false,
            manual: false,
        };
        let object = |kind: &str, name: &str, component: Option<&str>| LabelledObject {
            kind: kind.to_owned(),
            name: name.to_owned(),
            component: component.map(str::to_owned),
            team: None,
            recorded: false,
            doubt: None,
        };
        let report = StatusReport {
            scope: Scope {
                system: "shop".into(),
                target: "dev".into(),
                instance: None,
            },
            components: [
                ("web".to_owned(), status(State::Running, 1, None)),
                (
                    "cart".to_owned(),
                    status(State::Starting, 0, Some("GET /healthz: 503")),
                ),
            ]
            .into(),
            unapplied: Some("network `shop-dev` cannot be created".into()),
            unfinished: true,
            unrecorded: vec![
                object("container", "shop-dev-cart", Some("cart")),
                object("network", "shop-dev", None),
                object("volume", "shop-dev-old", Some("old")),
            ],
        };
        let expected = "\
COMPONENT  TEAM        STATE     READY  ADDRESS
cart       storefront  starting  0/1                    GET /healthz: 503; container `shop-dev-cart` is not in kcc's record; run `kcc recover --target dev`
web        storefront  running   1/1    127.0.0.1:8080  the last apply failed: crash loop: exit code 3
";
        assert_eq!(text(&report), expected);
        let mut failed = report.clone();
        for component in failed.components.values_mut() {
            component.unapplied = component.why.clone();
        }
        assert!(!text(&failed).contains("the last apply failed"));
        let expected = "
the last apply failed: network `shop-dev` cannot be created

a command is changing this target or was killed while it did; `kcc apply` completes what is left

network `shop-dev`, volume `shop-dev-old` are not in kcc's record; run `kcc recover --target dev`
";
        assert_eq!(notes(&report), expected);
    }
}
