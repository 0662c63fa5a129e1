//! `kcc completions SHELL`: a script that completes commands and flags.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Context, Ended};
use crate::{cli::Cli, exit::Exit};

/// Write the completion script of a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kcc completions bash > ~/.local/share/bash-completion/completions/kcc"
)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

impl Completions {
    /// Writes the script to stdout.
    pub fn run(self, context: &Context) -> Ended {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "kcc", &mut script);
        context.printer.data(&String::from_utf8_lossy(&script));
        Ok(Exit::Done)
    }
}
