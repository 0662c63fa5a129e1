//! `kcc status`: prints the state of every component, and why one is not ready.

use std::{collections::BTreeMap, fmt::Write, ops::ControlFlow, time::Duration};

use clap::Args;
use kcc_diag::{Format, plain};
use kcc_model::Name;
use kcc_plan::{ComponentStatus, LabelledObject, Options, StatusReport, listed};
use serde::Serialize;

use super::{CommandResult, addresses, columns, json};
use crate::{
    args::{ScopeArgs, System},
    compiled::Compiled,
    context::Context,
    exit::Exit,
    failure::Failure,
    pipeline, runtime,
};

/// Show the state of every component, and why one is not ready
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc status --target dev\n  kcc status --target prod --format json | jq '.components[] | select(.state != \"running\")'\n  kcc status --target dev --exit-code     exit 1 if a component is not ready\n  kcc status --target dev --watch         print what changes"
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
    /// Keep running and print changes, until Ctrl-C
    #[arg(short, long)]
    pub watch: bool,
}

/// A change of a component's state.
#[derive(Debug, Serialize)]
struct Change<'a> {
    component: &'a str,
    #[serde(flatten)]
    status: &'a ComponentStatus,
    is_ready: bool,
}

/// The states of components as they were printed last.
#[derive(Default)]
pub(super) struct Changes(BTreeMap<Name, String>);

impl Changes {
    /// Prints a line for each component whose state is not the one that was printed last.
    pub(super) fn print<'r>(
        &mut self,
        context: &Context,
        report: &'r StatusReport,
        components: impl Iterator<Item = (&'r Name, &'r ComponentStatus)>,
    ) {
        let unrecorded = Unrecorded::of(report);
        for (name, component) in components {
            let line = line(report, name, component, unrecorded.of_component(name));
            if self.0.get(name) == Some(&line) {
                continue;
            }
            context.printer.data(&match context.settings.format {
                Format::Json => json(Change {
                    component: name,
                    status: component,
                    is_ready: component.is_ready(),
                }),
                _ => line.clone(),
            });
            self.0.insert(name.clone(), line);
        }
    }
}

/// The objects that kcc made and no record lists, by component.
struct Unrecorded<'a>(BTreeMap<&'a str, Vec<&'a LabelledObject>>);

impl<'a> Unrecorded<'a> {
    fn of(report: &'a StatusReport) -> Self {
        let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for object in &report.unrecorded {
            if let Some(component) = &object.component {
                all.entry(component.as_str()).or_default().push(object);
            }
        }
        Self(all)
    }

    fn of_component(&self, name: &str) -> &[&'a LabelledObject] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Formats the state of a component in one line.
fn line(
    report: &StatusReport,
    name: &str,
    component: &ComponentStatus,
    unrecorded: &[&LabelledObject],
) -> String {
    let state = component.state.as_str();
    let why = reasons(report, name, unrecorded).replace('\n', " ");
    let (ready, replicas) = (component.ready, component.replicas);
    let text = format!("{name}: {state}, {ready}/{replicas} ready  {why}");
    format!("{}\n", plain(text.trim_end()))
}

/// Clears a terminal and moves to its first line.
const CLEAR: &str = "\x1b[2J\x1b[H";

impl Status {
    /// Prints the state of every component to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, self.system.dir.as_deref(), &self.scope)?;
        let options = runtime::options(context, &compiled);
        let report = if self.watch {
            watch(context, &compiled, &options)?
        } else {
            let report = runtime::status(&compiled, &options)?;
            context.printer.data(&match context.settings.format {
                Format::Json => json(&report),
                _ => text(&report) + &notes(&report),
            });
            report
        };
        Ok(if self.exit_code && !report.is_ready() {
            Exit::Configuration
        } else {
            Exit::Done
        })
    }
}

/// Prints what changes until a signal ends it, and returns the last state: on a terminal
/// all of it each time, and otherwise a line for each component that changed.
fn watch(
    context: &Context,
    compiled: &Compiled,
    options: &Options,
) -> Result<StatusReport, Failure> {
    let redraws = context.settings.environment.has_terminal
        && !matches!(context.settings.format, Format::Json);
    let mut changes = Changes::default();
    let mut shown = String::new();
    runtime::status_until(compiled, options, Duration::MAX, &mut |report| {
        if redraws {
            let text = text(report) + &notes(report);
            if text != shown {
                context.printer.data(&format!("{CLEAR}{text}"));
                shown = text;
            }
        } else {
            changes.print(context, report, report.components.iter());
        }
        if context.printer.is_closed() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })
}

/// Formats the components in columns, and below them the reasons, causes first.
fn text(report: &StatusReport) -> String {
    let head = ["COMPONENT", "TEAM", "STATE", "READY", "ADDRESS"].map(str::to_owned);
    let rows = report.components.iter().map(|(name, component)| {
        [
            name.clone(),
            component.team.clone().unwrap_or_else(|| "-".into()),
            component.state.as_str().to_owned(),
            format!("{}/{}", component.ready, component.replicas),
            addresses(&component.addresses, component.address_pending),
        ]
    });
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    let table = columns(&rows);
    let why = report.explanation() + &remarks(report);
    let why = if why.is_empty() {
        why
    } else {
        format!("\n{why}")
    };
    let why: String = why.lines().fold(String::new(), |mut out, line| {
        out += plain(line).as_ref();
        out.push('\n');
        out
    });
    table + &why
}

/// Formats the remarks about components that [`StatusReport::explanation`] has not.
fn remarks(report: &StatusReport) -> String {
    let mut out = String::new();
    let unrecorded = Unrecorded::of(report);
    for (name, component) in &report.components {
        let explained = !component.is_ready() || !component.needs.is_empty();
        let why = component.why.clone().filter(|_| !explained);
        let records = records(report, name, unrecorded.of_component(name));
        let reasons: Vec<_> = why.into_iter().chain(records).collect();
        if !reasons.is_empty() {
            let _ = writeln!(out, "`{name}`: {}", reasons.join("; ").replace('\n', " "));
        }
    }
    out
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
    let notes: Vec<_> = notes.chain(described(report, others)).collect();
    notes.iter().fold(String::new(), |mut out, note| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n{}", plain(&note.replace('\n', " ")));
        out
    })
}

/// Describes the objects that kcc made and no record lists, with the way out.
fn described<'a>(
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
fn reasons(report: &StatusReport, name: &str, unrecorded: &[&LabelledObject]) -> String {
    let why = report.components[name].why.iter().cloned();
    let reasons = why.chain(records(report, name, unrecorded));
    reasons.collect::<Vec<_>>().join("; ")
}

/// Returns the reasons why a component is not up to date or not recorded.
fn records(report: &StatusReport, name: &str, unrecorded: &[&LabelledObject]) -> Vec<String> {
    let component = &report.components[name];
    // Do not repeat the cause of the last apply if it still holds.
    let unapplied = component.unapplied.as_ref();
    let still = |why: &&String| {
        let cause = component.cause.as_ref();
        cause.is_some_and(|cause| why.contains(&cause.message))
            || Some(*why) == component.why.as_ref()
    };
    let unapplied = unapplied.filter(|why| !still(why));
    let unapplied = unapplied.map(|why| format!("the last apply failed: {why}"));
    unapplied
        .into_iter()
        .chain(described(report, unrecorded.iter().copied()))
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use kcc_plan::{Address, Cause, ComponentStatus, Scope, State};

    use super::*;

    #[test]
    fn aligns_components_in_columns() {
        let status = |state, ready, why: Option<&str>| {
            let mut status = ComponentStatus::new(state, (ready, 1));
            status.team = Some("storefront".into());
            status.unapplied = (state == State::Running).then(|| "crash loop: exit code 3".into());
            if ready > 0 {
                status.addresses.push(Address {
                    text: "127.0.0.1:8080".into(),
                    port: Some(80),
                });
            }
            match why {
                Some(why) => status.caused_by(
                    Cause::new("probe-status", why)
                        .evidence("the check is GET /healthz".to_owned())
                        .help("correct the path of `health:`")
                        .since("2026-01-02T03:04:05Z".parse::<Timestamp>().ok()),
                ),
                None => status,
            }
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
cart       storefront  starting  0/1
web        storefront  running   1/1    127.0.0.1:8080

`cart` has 0 of 1 replica ready since 2026-01-02T03:04:05Z: GET /healthz: 503
    the check is GET /healthz
    help: correct the path of `health:`
`cart`: container `shop-dev-cart` is not in kcc's record; run `kcc recover --target dev`
`web`: the last apply failed: crash loop: exit code 3
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
