//! `kcc plan`: prints what an apply would do, each operation with its cause.

use clap::Args;
use kcc_diag::Format;

use super::{CommandResult, json};
use crate::{
    args::{ScopeArgs, System},
    context::Context,
    exit::Exit,
    pipeline, runtime,
};

/// Show what apply would do, and why
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc plan --target dev\n  kcc plan --target prod --format json | jq '.operations[].cause'\n  kcc plan --target prod --exit-code     exit 1 unless up to date and ready"
)]
pub struct Plan {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// The system that declares it.
    #[command(flatten)]
    pub system: System,
    /// Exit with status 1 unless the target is up to date and ready
    #[arg(long)]
    pub exit_code: bool,
    /// Delete objects that are no longer declared
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Prune::Owned)]
    pub prune: Prune,
}

/// The treatment of objects that are no longer declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Prune {
    /// Delete them, except those with data.
    Owned,
    /// Keep them.
    None,
}

impl From<Prune> for kcc_plan::Prune {
    fn from(prune: Prune) -> Self {
        match prune {
            Prune::Owned => Self::Owned,
            Prune::None => Self::None,
        }
    }
}

impl Plan {
    /// Prints the plan to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, self.system.dir.as_deref(), &self.scope)?;
        let mut options = runtime::options(context, &compiled);
        options.prune = self.prune.into();
        let plan = runtime::plan(&compiled, &options)?;
        context.printer.data(&match context.settings.format {
            Format::Json => json(&plan),
            _ => plan.to_text(),
        });
        Ok(if self.exit_code && !plan.is_up_to_date() {
            Exit::Configuration
        } else {
            Exit::Done
        })
    }
}
