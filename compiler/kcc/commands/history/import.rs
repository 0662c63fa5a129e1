//! `kcc history import`: adds older revisions from an archive to a target.

use clap::Args;
use kcc_plan::Scope;

use crate::{
    args::{LockArgs, ScopeArgs},
    commands::CommandResult,
    context::Context,
    exit::Exit,
    pipeline, runtime,
    summary::counted,
};

/// Add older revisions from an archive to a target
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc history import --target prod /backup/shop\n  kcc history import --target prod oci://registry.acme.io/shop/history\n\nThey can be shown, compared and rolled back to. The next apply leaves out what a\nrecord does not retain."
)]
pub struct Import {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Archive: a directory, a file that ends in `.tar`, or `oci://HOST/REPOSITORY`
    #[arg(value_name = "ARCHIVE")]
    pub archive: String,
    /// The treatment of its lock.
    #[command(flatten)]
    pub lock: LockArgs,
}

impl Import {
    /// Adds the revisions that the target lacks.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::locate(context, &self.scope)?;
        let mut options = runtime::options(context, &compiled);
        options.lock_timeout = self.lock.timeout();
        let directory = &context.settings.working_dir;
        let added = runtime::import(&compiled, &options, directory, &self.archive)?;
        let scope = Scope::of(compiled.desired());
        context.printer.note(&format!(
            "added {} to the history of {scope}",
            counted(added, "revision")
        ));
        Ok(Exit::Done)
    }
}
