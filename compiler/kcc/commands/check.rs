//! `kcc check`: reports everything that can be detected before anything runs, for
//! all targets at once.

use clap::Args;

use super::CommandResult;
use crate::{
    args::System,
    context::Context,
    exit::Exit,
    pipeline::{self, Targets},
    printer::Stdout,
    summary::counted,
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
        let checked = pipeline::check(context, self.system.dir.as_deref(), &targets)?;
        let warnings = checked.diagnosis.diagnostics.iter().count();
        context
            .printer
            .diagnosis(&checked.diagnosis, Stdout::Diagnostics);
        context.printer.note(&format!(
            "checked {} of {} for {}: {}",
            counted(checked.components, "component"),
            counted(checked.teams, "team"),
            checked.targets.join(", "),
            if warnings == 0 {
                "no errors".to_owned()
            } else {
                format!("no errors, {}", counted(warnings, "warning"))
            },
        ));
        Ok(Exit::Done)
    }
}
