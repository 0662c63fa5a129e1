//! `kcc history restore`: brings a target back from an archive.

use std::sync::Arc;

use clap::Args;
use kcc_model::Millis;
use kcc_plan::{Scope, revision::RevisionId};

use super::copied::of_system;
use crate::{
    args::{LockArgs, ScopeArgs, duration, revision},
    commands::{
        CommandResult,
        changes::ChangeArgs,
        rollback::{AppliedAgain, apply_recorded},
    },
    context::Context,
    pipeline,
    provenance::Restored,
    runtime,
};

/// Bring a target back from an archive after its engine or namespace was lost
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc history restore --target prod\n  kcc history restore --target prod /backup/shop\n  kcc history restore --target prod shop.tar --revision @-2h\n\nThe recorded objects are applied, and the target's history goes on from the archive's.\nThe archive has no data of volumes and no secrets."
)]
pub struct Restore {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Archive: a directory, a file that ends in `.tar`, or `oci://HOST/REPOSITORY`
    /// [default: the archive of the system]
    #[arg(value_name = "ARCHIVE")]
    pub archive: Option<String>,
    /// Revision: a number, or `@` and a time [default: the last one that was applied
    /// completely]
    #[arg(long, value_name = "REVISION", value_parser = revision)]
    pub revision: Option<RevisionId>,
    /// Time limit for each component to become ready, such as `90s` or `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Millis>,
    /// Describe the reason in the target's history
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// The treatment of its lock.
    #[command(flatten)]
    pub lock: LockArgs,
}

impl Restore {
    /// Prints the plan, asks for confirmation if the target is shared, and applies the
    /// recorded objects.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::locate(context, &self.scope)?;
        let mut options = runtime::options(context, &compiled);
        let (archive, directory) = match &self.archive {
            Some(archive) => (archive.as_str(), context.settings.working_dir.as_path()),
            None => (of_system(&compiled)?, compiled.root.path()),
        };
        let archive = archive.to_owned();
        let found = runtime::archived(&compiled, &options, directory, &archive, self.revision)?;
        let revision = Arc::new(found.revision);
        options.revisions = Some(Arc::new(Restored {
            revision: revision.clone(),
            history: found.history,
        }));
        options.message = self.message;
        options.timeout_ms = self.timeout.map(|timeout| timeout.0);
        options.lock_timeout = self.lock.timeout();
        let scope = Scope::of(compiled.desired());
        let number = revision.manifest.number;
        apply_recorded(
            context,
            compiled,
            options,
            &revision,
            &AppliedAgain {
                question: format!("restore {scope} to revision {number} of `{archive}`?"),
                done: format!("restored revision {number} of"),
                yes: self.yes,
                changes: ChangeArgs::default(),
            },
        )
    }
}
