//! `kcc rollback`: applies the objects of an earlier revision again.

use std::sync::Arc;

use clap::Args;
use kcc_diag::Format;
use kcc_lower::{EngineDesired, Lowered};
use kcc_model::Millis;
use kcc_plan::{
    Options, Scope,
    revision::{Revision, RevisionId},
};

use super::{
    CommandResult,
    apply::finish,
    changes::{ChangeArgs, confirm_shown},
    plan::Prune,
};
use crate::{
    args::{LockArgs, ScopeArgs, duration, revision},
    compiled::Compiled,
    context::Context,
    exit::Exit,
    pipeline, progress,
    provenance::{RecordedOrigins, RolledBack},
    runtime,
};

/// Apply an earlier revision of a target again
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc rollback 7 --target prod\n  kcc rollback @-2h --target prod -m \"checkout fails\"\n\nThe fragments stay as they are: the next apply brings their state back."
)]
pub struct Rollback {
    /// Revision: a number from `kcc history`, or `@` and a time, such as `@-2h`
    #[arg(value_name = "REVISION", value_parser = revision)]
    pub revision: RevisionId,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Time limit for each component to become ready, such as `90s` or `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Millis>,
    /// The changes to ask for by name.
    #[command(flatten)]
    pub changes: ChangeArgs,
    /// Delete objects that the revision does not have
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Prune::Owned)]
    pub prune: Prune,
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

impl Rollback {
    /// Prints the plan, asks for confirmation if the target is shared, and applies the
    /// recorded objects.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::locate(context, &self.scope)?;
        let mut options = runtime::options(context, &compiled);
        let found = runtime::revision(&compiled, &options, self.revision)?;
        let revision = Arc::new(found.revision);
        options.revisions = Some(Arc::new(RolledBack(revision.clone())));
        options.message = self.message;
        options.prune = self.prune.into();
        options.take = self.changes.take.iter().cloned().collect();
        options.timeout_ms = self.timeout.map(|timeout| timeout.0);
        options.lock_timeout = self.lock.timeout();
        let number = revision.manifest.number;
        let scope = Scope::of(compiled.desired());
        let recorded = AppliedAgain {
            question: format!("roll {scope} back to revision {number}?"),
            done: format!("applied revision {number} of"),
            yes: self.yes,
            changes: self.changes,
        };
        apply_recorded(context, compiled, options, &revision, &recorded)
    }
}

/// The messages and choices of a command that applies recorded objects.
pub(super) struct AppliedAgain {
    /// The question before anything is changed.
    pub(super) question: String,
    /// The beginning of the result: `applied revision 7 of`.
    pub(super) done: String,
    /// True if the question is answered already.
    pub(super) yes: bool,
    /// The changes that were asked for by name.
    pub(super) changes: ChangeArgs,
}

/// Prints the plan of a revision's objects, asks for confirmation if the target is shared,
/// and applies them.
pub(super) fn apply_recorded(
    context: &Context,
    compiled: Compiled,
    mut options: Options,
    revision: &Arc<Revision>,
    recorded: &AppliedAgain,
) -> CommandResult {
    let compiled = with_recorded(compiled, &mut options, revision);
    recorded.changes.choose(&compiled, &mut options)?;
    let plan = runtime::plan(&compiled, &options)?;
    if context.settings.format != Format::Json {
        context.printer.data(&plan.to_text());
    }
    let shown = (&plan, &mut options);
    if !confirm_shown(context, &compiled, shown, recorded.yes, &recorded.question)? {
        context.printer.note("nothing was changed");
        return Ok(Exit::Incomplete);
    }
    let reporter = progress::reporter(context);
    let report = runtime::apply(&compiled, &options, reporter.as_ref())?;
    finish(context, &report, &recorded.done, "to")
}

/// Puts the objects of a revision and the lines behind them in the place of a target's.
pub(super) fn with_recorded(
    compiled: Compiled,
    options: &mut Options,
    revision: &Arc<Revision>,
) -> Compiled {
    let lowered = lowered_here(&compiled, revision);
    options.origins = Some(Arc::new(RecordedOrigins::new(revision.clone(), &lowered)));
    compiled.with(Arc::new(lowered))
}

/// Returns the objects of a revision for the engine of a target.
pub(super) fn lowered_here(compiled: &Compiled, revision: &Revision) -> Lowered {
    let mut lowered = revision.content.lowered(&revision.manifest.scope);
    if let (EngineDesired::Kubernetes(recorded), EngineDesired::Kubernetes(here)) =
        (&mut lowered.desired.engine, &compiled.desired().engine)
    {
        // Whoever applied it may have another name for the cluster.
        recorded.context.clone_from(&here.context);
    }
    lowered
}
