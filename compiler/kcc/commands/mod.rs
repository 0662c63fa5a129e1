//! One file for each command: its arguments, and what it does with them.
//!
//! A command returns how it ends or why it could not; it neither writes to the
//! terminal other than through the printer, nor ends the process.

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
    cli::Command,
    exit::Exit,
    failure::Failure,
    place,
    printer::{Printer, Stdout},
    settings::Settings,
};

/// What every command works with.
#[derive(Debug)]
pub struct Context {
    /// How this run behaves.
    pub settings: Settings,
    /// Who writes.
    pub printer: Printer,
}

/// What a command writes as JSON, after the version of its shape: scripts read
/// it. Fields are added to it; to rename or remove one is a new version.
#[derive(Serialize)]
struct Document<T> {
    version: u32,
    #[serde(flatten)]
    data: T,
}

/// The JSON of what a command found, in one line.
fn json(data: impl Serialize) -> String {
    let document = Document { version: 1, data };
    serde_json::to_string(&document).expect("names and numbers have a JSON form") + "\n"
}

/// As [`json`], for what people read, too.
fn pretty_json(data: impl Serialize) -> String {
    let document = Document { version: 1, data };
    serde_json::to_string_pretty(&document).expect("names and numbers have a JSON form") + "\n"
}

/// How a command ends, or why it did not get there.
pub type Ended = Result<Exit, Failure>;

impl Command {
    /// What the command uses stdout for.
    pub fn stdout(&self) -> Stdout {
        match self {
            Self::Check(_) => Stdout::Diagnostics,
            _ => Stdout::Data,
        }
    }

    /// Runs it.
    pub fn run(self, context: &Context) -> Ended {
        if let Self::Init(_) | Self::Explain(_) | Self::Completions(_) = &self {
            place::refuse(&context.settings)?;
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
