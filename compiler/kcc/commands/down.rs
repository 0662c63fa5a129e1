//! `kcc down`: removes everything that kcc created in a target.

use clap::Args;

use super::{CommandResult, apply};
use crate::{
    args::{LockArgs, ScopeArgs, System},
    confirm::confirm,
    context::Context,
    exit::Exit,
    pipeline, progress, runtime,
};

/// Remove everything that kcc created in a target, except data
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kcc down --target dev\n  kcc down --target test --volumes")]
pub struct Down {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// The system that declares it.
    #[command(flatten)]
    pub system: System,
    /// Also remove volumes and claims with their data
    #[arg(long)]
    pub volumes: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// The treatment of its lock.
    #[command(flatten)]
    pub lock: LockArgs,
}

impl Down {
    /// Asks for confirmation if the target is shared, and removes its objects.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, self.system.dir.as_deref(), &self.scope)?;
        let target = &compiled.desired().target;
        // A copy is nobody else's.
        let yes = self.yes || self.scope.capsule.is_some();
        let mut options = runtime::options(context, &compiled);
        options.volumes = self.volumes;
        options.lock_timeout = self.lock.timeout();
        let name = &compiled.model.name;
        let data = if self.volumes { " and its data" } else { "" };
        let question = format!("remove `{name}`{data} from `{target}`?");
        if !confirm(context, target, yes, &question)? {
            context.printer.note("nothing was changed");
            return Ok(Exit::Incomplete);
        }
        let reporter = progress::reporter(context);
        let report = runtime::down(&compiled, &options, reporter.as_ref())?;
        apply::finish(context, &report, "removed", "from")
    }
}
