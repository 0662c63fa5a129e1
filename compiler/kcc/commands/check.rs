//! `kcc check`: reports everything that can be detected before anything runs, for
//! all targets at once.

use clap::Args;

use super::{CommandResult, Context};
use crate::{
    cli::System,
    compile::{self, Targets},
    exit::Exit,
    printer::Stdout,
};

/// Check the system for every target
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc check\n  kcc check examples/shop --target prod\n  kcc check --format json | jq .code"
)]
pub struct Check {
    /// Check only TARGET; may be repeated [default: all targets]
    #[arg(short, long, value_name = "TARGET")]
    pub target: Vec<String>,
    /// The system to work on.
    #[command(flatten)]
    pub system: System,
}

impl Check {
    /// Checks the system and prints a summary.
    pub fn run(self, context: &Context) -> CommandResult {
        let targets = Targets::of(&self.target);
        let proof = compile::prove(context, self.system.dir.as_deref(), &targets)?;
        let warnings = proof.findings.diagnostics.iter().count();
        context
            .printer
            .findings(&proof.findings, Stdout::Diagnostics);
        context.printer.note(&format!(
            "checked {} of {} for {}: {}",
            counted(proof.components, "component"),
            counted(proof.teams, "team"),
            proof.targets.join(", "),
            if warnings == 0 {
                "no errors".to_owned()
            } else {
                format!("no errors, {}", counted(warnings, "warning"))
            },
        ));
        Ok(Exit::Done)
    }
}

/// Formats a number of things, such as `1 component` or `2 components`.
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
