//! `kcc history`: lists the revisions of a target. Its subcommands copy them to archives
//! and back.

mod copied;
mod export;
mod import;
mod prune;
mod restore;
mod sync;
mod verify;

use clap::{Args, Subcommand};
use kcc_diag::Format;
use kcc_model::Name;
use kcc_plan::{
    Scope, Totals, Who,
    revision::{Changes, Clocks, Entry, EntryKind, HistoryNow, Time},
};
use serde::Serialize;

use super::{CommandResult, columns, json};
use crate::{
    args::{ScopeArgs, time},
    context::Context,
    exit::Exit,
    failure::Failure,
    pipeline, runtime,
};

/// List the revisions of a target, and archive them
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    subcommand_value_name = "COMMAND",
    after_help = "Examples:\n  kcc history --target prod\n  kcc history --target prod --component web --since -7d\n  kcc history --target prod --format json | jq '.revisions[].who'"
)]
pub struct History {
    /// The work on an archive, instead of listing.
    #[command(subcommand)]
    pub archive: Option<Archives>,
    /// The target.
    #[command(flatten)]
    pub scope: Option<ScopeArgs>,
    /// List only revisions that changed COMPONENT
    #[arg(long, value_name = "COMPONENT", add = crate::completion::components())]
    pub component: Option<Name>,
    /// List only revisions that changed components of TEAM
    #[arg(long, value_name = "TEAM")]
    pub team: Option<Name>,
    /// List only revisions after TIME, such as `-2h`, `-3d` or `2026-11-30`
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub since: Option<Time>,
}

/// The commands that work on archives of revisions.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "each command has its own help")]
pub enum Archives {
    Export(export::Export),
    Import(import::Import),
    Sync(sync::Sync),
    Verify(verify::Verify),
    Prune(prune::Prune),
    Restore(restore::Restore),
}

/// A revision as JSON shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed<'a> {
    number: u64,
    state: &'static str,
    started: Clocks,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Clocks>,
    who: &'a Who,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    /// True for a `kcc down`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    removed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rolls_back_to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a Changes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

impl<'a> Listed<'a> {
    pub(super) fn of(history: &HistoryNow, entry: &'a Entry) -> Self {
        let rolls_back_to = match entry.kind {
            EntryKind::Revision { rolls_back_to, .. } => rolls_back_to,
            EntryKind::Removed {} => None,
        };
        Self {
            number: entry.number,
            state: history.state(entry),
            started: entry.started,
            ended: entry.ended,
            who: &entry.who,
            message: entry.message.as_deref(),
            removed: entry.manifest().is_none(),
            rolls_back_to,
            changes: entry.changes(),
            totals: entry.result.as_ref().map(|result| result.totals),
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    scope: &'a Scope,
    revisions: Vec<Listed<'a>>,
}

impl History {
    /// Prints the revisions to stdout, the newest first.
    pub fn run(self, context: &Context) -> CommandResult {
        match self.archive {
            Some(Archives::Export(command)) => return command.run(context),
            Some(Archives::Import(command)) => return command.run(context),
            Some(Archives::Sync(command)) => return command.run(context),
            Some(Archives::Verify(command)) => return command.run(context),
            Some(Archives::Prune(command)) => return command.run(context),
            Some(Archives::Restore(command)) => return command.run(context),
            None => {}
        }
        let missing = || {
            let help = "name it, as in `kcc history --target dev`";
            Failure::usage("no target to list the revisions of", help)
        };
        let scope = self.scope.ok_or_else(missing)?;
        let compiled = pipeline::locate(context, &scope)?;
        let options = runtime::options(context, &compiled);
        let component = self.component.as_deref();
        let history = runtime::history(&compiled, &options, component)?;
        let since = self.since.map(|since| since.point(history.now));
        let entries = history.history.entries.iter().rev().filter(|entry| {
            let of_team = self.team.as_ref().is_none_or(|team| {
                let changes = entry.changes();
                changes.is_some_and(|changes| changes.teams.contains_key(team))
            });
            of_team && since.is_none_or(|since| entry.started.engine >= since)
        });
        let entries: Vec<&Entry> = entries.collect();
        let scope = &Scope::of(compiled.desired());
        if context.settings.format == Format::Json {
            let revisions = entries.iter().map(|entry| Listed::of(&history, entry));
            let revisions = revisions.collect();
            context.printer.data(&json(Document { scope, revisions }));
            return Ok(Exit::Done);
        }
        if entries.is_empty() {
            context.printer.note(&format!("{scope} has no revisions"));
            return Ok(Exit::Done);
        }
        let head = [
            "REVISION",
            "WHEN (UTC)",
            "WHO",
            "OUTCOME",
            "CHANGES",
            "MESSAGE",
        ];
        let rows = entries.iter().map(|entry| row(&history, entry));
        let rows: Vec<_> = std::iter::once(head.map(str::to_owned))
            .chain(rows)
            .collect();
        context.printer.data(&columns(&rows));
        Ok(Exit::Done)
    }
}

fn row(history: &HistoryNow, entry: &Entry) -> [String; 6] {
    let changed = match entry.changes() {
        None => "taken down".to_owned(),
        Some(changes) => changed(changes),
    };
    [
        entry.number.to_string(),
        entry
            .started
            .engine
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        entry.who.short(),
        outcome(history, entry),
        changed,
        message(entry),
    ]
}

/// Formats the outcome of an entry: `complete`, or `incomplete (1 failed, 2 skipped)`.
pub(super) fn outcome(history: &HistoryNow, entry: &Entry) -> String {
    let state = history.state(entry);
    let totals = entry.result.as_ref().map(|result| result.totals);
    let failed = totals.map_or((0, 0), |totals| (totals.failed, totals.skipped));
    match failed {
        (0, 0) => state.to_owned(),
        (failed, 0) => format!("{state} ({failed} failed)"),
        (0, skipped) => format!("{state} ({skipped} skipped)"),
        (failed, skipped) => format!("{state} ({failed} failed, {skipped} skipped)"),
    }
}

/// Formats the changes of each team: `storefront: 1 changed; payments: 2 added`.
fn changed(changes: &Changes) -> String {
    let teams = changes.teams.iter().map(|(team, counts)| {
        let counts = counts.iter().zip(["added", "changed", "removed"]);
        let counts = counts.filter(|(count, _)| **count > 0);
        let counts: Vec<_> = counts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        format!("{team}: {}", counts.join(", "))
    });
    let shared = changes.shared.then(|| "shared objects".to_owned());
    let all: Vec<_> = teams.chain(shared).collect();
    match (&all[..], &changes.components) {
        ([], None) => "unknown".to_owned(),
        ([], Some(_)) => "none".to_owned(),
        _ => all.join("; "),
    }
}

fn message(entry: &Entry) -> String {
    let rollback = match entry.kind {
        EntryKind::Revision {
            rolls_back_to: Some(number),
            ..
        } => Some(format!("rollback to {number}")),
        _ => None,
    };
    let message = entry.message.as_ref();
    let message = message.and_then(|text| text.lines().next().map(str::to_owned));
    let parts: Vec<_> = rollback.into_iter().chain(message).collect();
    parts.join(": ")
}
