//! `kcc history sync`: copies the revisions of a target to the archive of its system.

use clap::Args;

use super::copied::{copied, of_system};
use crate::{
    args::ScopeArgs, commands::CommandResult, context::Context, exit::Exit, pipeline, runtime,
};

/// Copy the revisions of a target to the archive of its system
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc history sync --target prod\n\nThe archive is the one that `system: history: archive: \"…\"` names in kcc.cue."
)]
pub struct Sync {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
}

impl Sync {
    /// Adds the revisions that the archive lacks.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::locate(context, &self.scope)?;
        let options = runtime::options(context, &compiled);
        let archive = of_system(&compiled)?;
        let added = runtime::export(&compiled, &options, compiled.root.path(), archive)?;
        copied(context, &compiled, archive, &added);
        Ok(Exit::Done)
    }
}
