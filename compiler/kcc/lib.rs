//! kcc as a library: what `main` runs, so that tests can reach it.
//!
//! [`run`] reads as a table of contents: arguments, settings, the command, and
//! at the end the one place where what a command found becomes text and an
//! exit code. Commands return values; only the [`printer`] writes.

pub mod ask;
pub mod cli;
pub mod commands;
pub mod compile;
pub mod exit;
pub mod failure;
pub mod load;
pub mod place;
pub mod printer;
pub mod progress;
pub mod reference;
pub mod runtime;
pub mod settings;
pub mod summary;
pub mod trace;

use std::ffi::OsString;

use clap::Parser;

use cli::Cli;
use commands::Context;
use exit::Exit;
use printer::Printer;
use settings::{Environment, Settings};

/// Runs one command line, from its arguments to its exit code.
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

/// Help and versions go to stdout and are no failure; the rest is one.
fn usage(error: &clap::Error) -> Exit {
    // A reader that is gone does not change what was asked for.
    let _ = error.print();
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    }
}
