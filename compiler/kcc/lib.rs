//! The `kcc` command line as a library, so that tests can call it.
//!
//! [`run`] parses arguments, resolves [`settings`] and runs a command. Commands
//! return a value or a [`failure::Failure`]; `run` is the only place that turns a
//! failure into text and an exit code, and the [`printer`] the only one that
//! writes to stdout and stderr.

pub mod archives;
pub mod args;
pub mod cache;
pub mod checked;
pub mod cli;
pub mod commands;
pub mod compiled;
pub mod completion;
pub mod confirm;
pub mod context;
pub mod copied;
pub mod copy;
pub mod editor;
pub mod evaluation;
pub mod examined;
pub mod exit;
pub mod failure;
pub mod load;
mod output_file;
pub mod overrides;
pub mod pipeline;
mod plan_file;
pub mod printer;
mod program;
pub mod progress;
pub mod provenance;
pub mod reference;
pub mod runtime;
pub mod settings;
pub mod stub;
pub mod summary;
pub mod terminal;

use std::ffi::OsString;

use clap::Parser;

use cli::Cli;
use context::Context;
use exit::Exit;
use printer::Printer;
use settings::{Environment, Settings};

/// Runs one command line and returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, environment: Environment) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let settings = Settings::new(&cli.global, environment);
    let context = Context {
        printer: Printer::new(&settings),
        settings,
    };
    let stdout = cli.command.stdout();
    let exit = match cli.command.run(&context) {
        Ok(exit) => exit,
        Err(failure) => context.printer.failure(&failure, stdout),
    };
    if context.printer.is_broken() {
        exit.or(Exit::Environment)
    } else {
        exit
    }
}

/// Prints a message of clap. Help and version go to stdout and count as success.
fn usage(error: &clap::Error) -> Exit {
    // A closed stdout or stderr does not change the exit code.
    let _ = error.print();
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    }
}
