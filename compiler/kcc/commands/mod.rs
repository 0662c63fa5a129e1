//! The commands, one file each: the arguments as clap types, and `run`.
//!
//! `run` returns an exit code or a [`Failure`]. A command writes only through the
//! [`crate::printer::Printer`] and never ends the process.

pub mod apply;
pub mod blame;
pub mod capture;
pub mod changes;
pub mod check;
pub mod complete;
pub mod completions;
pub mod diff;
pub mod down;
pub mod drift;
pub mod exec;
pub mod explain;
pub mod fmt;
pub mod graph;
pub mod history;
pub mod init;
pub mod lock;
pub mod logs;
pub mod man;
pub mod model;
pub mod parity;
pub mod plan;
pub mod port_forward;
pub mod rbac;
pub mod record;
pub mod recover;
pub mod render;
pub mod reproduce;
pub mod restart;
pub mod rollback;
pub mod run;
mod selection;
pub mod show;
pub mod start;
pub mod status;
pub mod stop;
pub mod stub;
pub mod test;
pub mod timeline;
pub mod wait;

use std::collections::BTreeSet;

use kcc_diag::{nearest, plain};
use kcc_model::Name;
use kcc_plan::{Address, Request, Scope};
use serde::Serialize;

use crate::{compiled::Compiled, context::Context, exit::Exit, failure::Failure};

/// The JSON output of a command with the version of its shape. Scripts read it:
/// fields may be added, but renaming or removing one increments the version.
#[derive(Serialize)]
struct Document<T> {
    version: u32,
    #[serde(flatten)]
    data: T,
}

/// Formats the addresses of a component, and whether more are to come.
fn addresses(assigned: &[Address], pending: bool) -> String {
    let pending = pending.then_some("(load balancer has no address yet)");
    let assigned = assigned.iter().map(|address| address.text.as_str());
    let all = assigned.chain(pending);
    all.collect::<Vec<_>>().join(" ")
}

/// Formats rows in columns; the last one is as wide as it is.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", plain(line.trim_end()))
    });
    lines.collect()
}

/// Formats lines that may contain what others wrote.
fn plain_lines(text: &str) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        out.push_str(&plain(line));
        out.push('\n');
        out
    })
}

/// Formats the output of a command as JSON on one line.
fn json(data: impl Serialize) -> String {
    let document = Document { version: 1, data };
    serde_json::to_string(&document).expect("strings and numbers serialise to JSON") + "\n"
}

/// Formats the output of a command as indented JSON, for people and scripts.
fn pretty_json(data: impl Serialize) -> String {
    let document = Document { version: 1, data };
    serde_json::to_string_pretty(&document).expect("strings and numbers serialise to JSON") + "\n"
}

/// The exit code of a command, or the reason why it did not complete.
pub type CommandResult = Result<Exit, Failure>;

/// Says which components of its target an instance uses.
fn note_sharing(context: &Context, compiled: &Compiled) {
    let desired = compiled.desired();
    let names = desired.shared.keys().map(|name| format!("`{name}`"));
    let names: Vec<_> = names.collect();
    if !names.is_empty() {
        let names = names.join(", ");
        let text = format!("using {names} of `{}`", desired.target);
        context.printer.note(&text);
    }
}

/// Returns the work on some components and everything that they need; on all if none
/// is named.
fn only(compiled: &Compiled, names: Vec<Name>) -> Result<Request, Failure> {
    if names.is_empty() {
        return Ok(Request::Apply);
    }
    let components = &compiled.desired().components;
    let mut selected = known(compiled, names)?;
    let mut pending: Vec<_> = selected.iter().cloned().collect();
    while let Some(name) = pending.pop() {
        let component = components.get(&name).into_iter();
        for need in component.flat_map(|component| component.after.keys()) {
            if selected.insert(need.clone()) {
                pending.push(need.clone());
            }
        }
    }
    Ok(Request::Only(selected))
}

/// Returns the named components, all of which must run in the target.
fn known(compiled: &Compiled, names: Vec<Name>) -> Result<BTreeSet<Name>, Failure> {
    let known = &compiled.desired().components;
    let target = &compiled.desired().target;
    for name in &names {
        if compiled.desired().shared.contains_key(name) {
            let message = format!("the instance shares `{name}` with `{target}`");
            let of_target = Scope::of(compiled.desired()).of_target();
            let help = format!(
                "name the target: `{}`",
                of_target.command(&format!("… {name}"))
            );
            return Err(Failure::usage(message, help));
        }
        if !known.contains_key(name) {
            let near = nearest(name, known.keys().map(String::as_str));
            let help = near.map_or_else(
                || format!("`kcc status --target {target}` lists the components"),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("no component `{name}` runs in `{target}`");
            return Err(Failure::usage(message, help));
        }
    }
    Ok(names.into_iter().collect())
}
