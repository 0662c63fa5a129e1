//! `kcc completions`: prints a shell script that completes commands and flags.

use clap::Args;
use clap_complete::Shell;

use super::CommandResult;
use crate::{context::Context, exit::Exit};

/// Print a shell completion script
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kcc completions bash > ~/.local/share/bash-completion/completions/kcc"
)]
pub struct Completions {
    /// Shell to print the script for
    pub shell: Shell,
}

impl Completions {
    /// Prints the script for a command line to stdout.
    pub fn run(self, context: &Context, cli: &mut clap::Command) -> CommandResult {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, cli, "kcc", &mut script);
        context.printer.data(&String::from_utf8_lossy(&script));
        Ok(Exit::Done)
    }
}
