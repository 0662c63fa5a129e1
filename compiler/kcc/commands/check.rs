//! `kcc check`: reports everything that can be detected before anything runs, for
//! all targets at once.

mod report;
mod since;
mod watch;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clap::Args;
use kcc_diag::Format;

use self::report::report;
use super::CommandResult;
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    load::Root,
    pipeline::{self, Targets},
    printer::Stdout,
};

/// Check the system for every target
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc check\n  kcc check examples/shop --target prod\n  kcc check $(git diff --name-only '*.cue')     check each system with a changed fragment\n  kcc check --since main                        with what the changes can reach\n  kcc check --watch                             while you edit\n  kcc check --format json | jq .code"
)]
pub struct Check {
    /// Check only TARGET; may be repeated [default: all targets]
    #[arg(short, long, value_name = "TARGET", add = crate::completion::targets())]
    pub target: Vec<String>,
    /// Print also which teams and targets the changes since REV, a revision of git, can reach
    #[arg(long, value_name = "REV", conflicts_with = "watch")]
    pub since: Option<String>,
    /// Check again whenever a file is saved, and print what breaks or is fixed
    #[arg(short, long)]
    pub watch: bool,
    /// Directories or files of the systems to check, each system once [default: the
    /// current directory]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

impl Check {
    /// Checks the system and prints a summary.
    pub fn run(self, context: &Context) -> CommandResult {
        let targets = Targets::of(&self.target);
        let [first, others @ ..] = &systems(context, &self.paths)[..] else {
            return Ok(Exit::Done);
        };
        if !others.is_empty() && context.settings.format == Format::Sarif {
            return Err(Failure::usage(
                "SARIF describes one system at a time",
                "check each system with a command of its own",
            ));
        }
        if self.watch {
            if !others.is_empty() {
                return Err(Failure::usage(
                    "`--watch` watches one system at a time",
                    "watch each system with a command of its own",
                ));
            }
            return watch::run(context, first.as_deref(), &targets);
        }
        if others.is_empty() {
            let exit = check(context, first.as_deref(), &targets)?;
            if let Some(revision) = &self.since {
                since::report(context, first.as_deref(), &targets, revision)?;
            }
            return Ok(exit);
        }
        if self.since.is_some() {
            return Err(Failure::usage(
                "`--since` compares one system at a time",
                "check each system with a command of its own",
            ));
        }
        let mut exit = Exit::Done;
        for system in std::iter::once(first).chain(others) {
            let checked = check(context, system.as_deref(), &targets);
            exit = exit.or(checked
                .unwrap_or_else(|failure| context.printer.failure(&failure, Stdout::Diagnostics)));
        }
        Ok(exit)
    }
}

/// Returns a path in each of the systems that some paths belong to. A CUE file of no
/// system is noted and left out: a hook passes every file that changes.
fn systems(context: &Context, paths: &[PathBuf]) -> Vec<Option<PathBuf>> {
    if paths.is_empty() {
        return vec![None];
    }
    let settings = &context.settings;
    let here = &settings.environment.current_dir;
    let mut roots = BTreeSet::new();
    let mut systems = Vec::new();
    for path in paths {
        match Root::find(here, &settings.dir_named(Some(path))) {
            Ok(root) => {
                if roots.insert(root.path().to_owned()) {
                    systems.push(Some(path.clone()));
                }
            }
            Err(found) if is_cue_file(here, &settings.dir_named(Some(path))) => {
                context.printer.note(&format!("skipped: {}", found.message));
            }
            // The check reports it.
            Err(_) => systems.push(Some(path.clone())),
        }
    }
    systems
}

/// Returns true for the path of an existing CUE file.
fn is_cue_file(here: &Path, path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "cue") && Root::is_file(here, path)
}

/// Checks one system and prints a summary.
fn check(context: &Context, dir: Option<&Path>, targets: &Targets) -> CommandResult {
    report(context, &pipeline::check(context, dir, targets)?);
    Ok(Exit::Done)
}
