//! The commands, one file each: the arguments as clap types, and `run`.
//!
//! `run` returns an exit code or a [`Failure`]. A command writes only through the
//! [`Printer`] and never ends the process.

pub mod apply;
pub mod blame;
pub mod check;
pub mod completions;
pub mod diff;
pub mod down;
pub mod explain;
pub mod graph;
pub mod init;
pub mod model;
pub mod parity;
pub mod plan;
pub mod recover;
pub mod render;
pub mod status;

use serde::Serialize;

use crate::{
    cli::Command, context::Context, exit::Exit, failure::Failure, overrides, printer::Stdout,
};

/// The JSON output of a command with the version of its shape. Scripts read it:
/// fields may be added, but renaming or removing one increments the version.
#[derive(Serialize)]
struct Document<T> {
    version: u32,
    #[serde(flatten)]
    data: T,
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

impl Command {
    /// Returns what the command writes to stdout.
    pub fn stdout(&self) -> Stdout {
        match self {
            Self::Check(_) => Stdout::Diagnostics,
            _ => Stdout::Data,
        }
    }

    /// Runs the command.
    pub fn run(self, context: &Context) -> CommandResult {
        if let Self::Init(_) | Self::Explain(_) | Self::Completions(_) = &self {
            overrides::reject(&context.settings)?;
        }
        match self {
            Self::Init(command) => command.run(context),
            Self::Check(command) => command.run(context),
            Self::Render(command) => command.run(context),
            Self::Model(command) => command.run(context),
            Self::Blame(command) => command.run(context),
            Self::Parity(command) => command.run(context),
            Self::Diff(command) => command.run(context),
            Self::Graph(command) => command.run(context),
            Self::Plan(command) => command.run(context),
            Self::Apply(command) => command.run(context),
            Self::Status(command) => command.run(context),
            Self::Down(command) => command.run(context),
            Self::Recover(command) => command.run(context),
            Self::Explain(command) => command.run(context),
            Self::Completions(command) => command.run(context),
        }
    }
}
