//! `kcc history export`: copies the revisions of a target to an archive.

use clap::Args;

use super::copied::copied;
use crate::{
    args::ScopeArgs, commands::CommandResult, context::Context, exit::Exit, pipeline, runtime,
};

/// Copy the revisions of a target to an archive
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc history export --target prod /backup/shop\n  kcc history export --target prod shop.tar\n  kcc history export --target prod oci://registry.acme.io/shop/history"
)]
pub struct Export {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Archive: a directory, a file that ends in `.tar`, or `oci://HOST/REPOSITORY`
    #[arg(value_name = "ARCHIVE")]
    pub archive: String,
}

impl Export {
    /// Adds the revisions that the archive lacks.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::locate(context, &self.scope)?;
        let options = runtime::options(context, &compiled);
        let directory = &context.settings.working_dir;
        let added = runtime::export(&compiled, &options, directory, &self.archive)?;
        copied(context, &compiled, &self.archive, &added);
        Ok(Exit::Done)
    }
}
