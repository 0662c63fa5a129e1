//! `kcc plan`: what an apply would do, each operation with its cause.

use clap::Args;
use kcc_diag::Format;

use super::{Context, Ended, json};
use crate::{cli::Target, compile, exit::Exit, runtime};

/// Say what apply would do, and why; changes nothing
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc plan --target dev\n  kcc plan --target prod --format json | jq '.operations[].cause'\n  kcc plan --target prod --exit-code     exit 1 unless all is as desired and ready"
)]
pub struct Plan {
    /// The target.
    #[command(flatten)]
    pub target: Target,
    /// Exit with 1 unless all is as desired and ready
    #[arg(long)]
    pub exit_code: bool,
    /// What happens to what no fragment asks for any more
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Prune::Owned)]
    pub prune: Prune,
}

/// What happens to what no fragment asks for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Prune {
    /// It is removed, unless it holds data.
    Owned,
    /// It stays.
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
    /// Writes the plan to stdout.
    pub fn run(self, context: &Context) -> Ended {
        let Target { target, system, .. } = &self.target;
        let compiled = compile::target(context, system.dir.as_deref(), target)?;
        let mut options = runtime::options(context, &compiled, &self.target);
        options.prune = self.prune.into();
        let plan = runtime::plan(&compiled, &options)?;
        context.printer.data(&match context.settings.format {
            Format::Json => json(&plan),
            _ => plan.to_text(),
        });
        Ok(if self.exit_code && !plan.is_settled() {
            Exit::Configuration
        } else {
            Exit::Done
        })
    }
}
