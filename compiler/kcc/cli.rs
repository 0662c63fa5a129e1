//! The command line as types. What a flag means is written on its field; what
//! a command does is in its file under [`crate::commands`].

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use kcc_cue::Limits;
use kcc_diag::Format;
use kcc_model::{Bytes, Millis, is_label};

use crate::commands::{
    apply::Apply, blame::Blame, check::Check, completions::Completions, diff::Diff, down::Down,
    explain::Explain, graph::Graph, init::Init, model::Model, parity::Parity, plan::Plan,
    recover::Recover, render::Render, status::Status,
};

/// A compiler for distributed systems built by many teams.
#[derive(Debug, Parser)]
#[command(
    name = "kcc",
    version,
    arg_required_else_help = true,
    subcommand_required = true
)]
#[command(
    after_help = "Run `kcc help COMMAND` for examples, `kcc explain CODE` for what an error means."
)]
pub struct Cli {
    /// What all commands understand.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What all commands understand.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Work in that folder
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub folder: Option<PathBuf>,
    /// How errors and warnings are written
    #[arg(long, global = true, default_value = "text", value_parser = ["text", "json", "github", "sarif"])]
    pub format: String,
    /// When text is coloured
    #[arg(long, value_name = "WHEN", global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Write plain lines instead of moving bars
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// How long the evaluation of one target may take [default: 30s]
    #[arg(long, value_name = "DURATION", global = true, value_parser = duration, hide_short_help = true)]
    pub eval_timeout: Option<Millis>,
    /// How much memory the evaluation of one target may take, at most 4Gi [default: 4Gi]
    #[arg(long, value_name = "SIZE", global = true, value_parser = memory, hide_short_help = true)]
    pub eval_memory: Option<Bytes>,
    /// The kubeconfig context, instead of the target's
    #[arg(long, value_name = "NAME", global = true)]
    pub context: Option<String>,
    /// The Kubernetes namespace, instead of the target's
    #[arg(long, value_name = "NAME", global = true)]
    pub namespace: Option<String>,
}

/// A duration as fragments write it.
pub fn duration(text: &str) -> Result<Millis, String> {
    Millis::parse(text).map_err(|_| "write a duration such as `90s` or `5m`".to_owned())
}

/// Memory of an evaluation, as fragments write a size.
fn memory(text: &str) -> Result<Bytes, String> {
    let most = Limits::default().memory;
    Bytes::parse(text)
        .ok()
        .filter(|size| size.0 > 0 && usize::try_from(size.0).is_ok_and(|size| size <= most))
        .ok_or_else(|| "write a size such as `512Mi`, at most `4Gi`".to_owned())
}

/// The name of a copy, which becomes a part of names of the engines.
fn instance(text: &str) -> Result<String, String> {
    if is_label(text) && text.len() <= LONGEST_INSTANCE {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "write lower-case letters, digits and `-`, at most {LONGEST_INSTANCE}"
        ))
    }
}

/// The longest name of a copy.
const LONGEST_INSTANCE: usize = 40;

impl Global {
    /// What the evaluation of one target may use.
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            time: self
                .eval_timeout
                .map_or(usual.time, |time| Duration::from_millis(time.0)),
            memory: self
                .eval_memory
                .and_then(|size| usize::try_from(size.0).ok())
                .unwrap_or(usual.memory),
        }
    }

    /// The format of diagnostics. A command whose own data has formats of
    /// other names (`graph --format dot`) writes diagnostics as text.
    pub fn diagnostics_format(&self) -> Format {
        match self.format.as_str() {
            "json" => Format::Json,
            "github" => Format::Github,
            "sarif" => Format::Sarif,
            _ => Format::Text,
        }
    }
}

/// When text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "each command is described on its type")]
pub enum Command {
    Init(Init),
    Check(Check),
    Render(Render),
    Model(Model),
    Blame(Blame),
    Parity(Parity),
    Diff(Diff),
    Graph(Graph),
    Plan(Plan),
    Apply(Apply),
    Status(Status),
    Down(Down),
    Recover(Recover),
    Explain(Explain),
    Completions(Completions),
}

/// The system that a command is about.
#[derive(Debug, Clone, Default, Args)]
pub struct System {
    /// The system's folder, or one inside it [default: the current folder]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// The one target that a command is about.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The target, such as `dev` or `prod`
    #[arg(short, long, value_name = "TARGET")]
    pub target: String,
    /// An isolated copy of the target, by a name of your choice
    #[arg(long, value_name = "NAME", value_parser = instance)]
    pub instance: Option<String>,
    /// Where the system is.
    #[command(flatten)]
    pub system: System,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_summary_and_an_example() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let about = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                !about.is_empty() && !about.contains('\n'),
                "{name}: no one-line summary"
            );
            let after = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(after.contains(&format!("kcc {name}")), "{name}: no example");
        }
    }
}
