//! `kcc plan`: prints what an apply would do, each operation with its cause.

use std::path::PathBuf;

use clap::Args;
use kcc_diag::Format;
use kcc_model::Name;
use kcc_plan::PlanFile;

use super::{CommandResult, changes::ChangeArgs, json, note_sharing, only};
use crate::{
    args::{ScopeArgs, ShareArgs, System},
    context::Context,
    exit::Exit,
    pipeline, plan_file, runtime,
};

/// Show what apply would do, and why
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc plan --target dev\n  kcc plan --target prod --format json | jq '.operations[].cause'\n  kcc plan --target prod -o plan.json    kcc apply plan.json performs this plan or nothing\n  kcc plan --target prod --exit-code     exit 1 unless up to date and ready"
)]
pub struct Plan {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// The components that the instance shares.
    #[command(flatten)]
    pub share: ShareArgs,
    /// The system that declares it.
    #[command(flatten)]
    pub system: System,
    /// Write the plan to FILE for `kcc apply FILE`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Exit with status 1 unless the target is up to date and ready
    #[arg(long)]
    pub exit_code: bool,
    /// Plan only for COMPONENT and what it needs
    #[arg(long, value_name = "COMPONENT", add = crate::completion::components())]
    pub only: Vec<Name>,
    /// The changes to ask for by name.
    #[command(flatten)]
    pub changes: ChangeArgs,
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
        let compiled = pipeline::compile_sharing(
            context,
            self.system.dir.as_deref(),
            &self.scope,
            &self.share,
        )?;
        note_sharing(context, &compiled);
        let mut options = runtime::options(context, &compiled);
        options.request = only(&compiled, self.only)?;
        options.prune = self.prune.into();
        options.take = compiled.origins().fields(&self.changes.take)?;
        self.changes.choose(&compiled, &mut options)?;
        let plan = runtime::plan(&compiled, &options)?;
        context.printer.data(&match context.settings.format {
            Format::Json => json(&plan),
            _ => plan.to_text(),
        });
        if let Some(path) = &self.output {
            let file = PlanFile::new(&plan, compiled.desired(), options.choices());
            plan_file::write(context, path, &file)?;
        }
        Ok(if self.exit_code && !plan.is_up_to_date() {
            Exit::Configuration
        } else {
            Exit::Done
        })
    }
}
