//! `kcc down`: removes what kcc made in a target.

use clap::Args;

use super::{Context, Ended, apply};
use crate::{ask, cli::Target, compile, exit::Exit, progress, runtime};

/// Remove what kcc made in a target; data only with --volumes
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kcc down --target dev\n  kcc down --target test --volumes")]
pub struct Down {
    /// The target.
    #[command(flatten)]
    pub target: Target,
    /// Remove data as well: volumes and claims
    #[arg(long)]
    pub volumes: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

impl Down {
    /// Asks where many people would feel it, and removes.
    pub fn run(self, context: &Context) -> Ended {
        let Target { target, system, .. } = &self.target;
        let compiled = compile::target(context, system.dir.as_deref(), target)?;
        let mut options = runtime::options(context, &compiled, &self.target);
        options.volumes = self.volumes;
        let name = &compiled.model.name;
        let data = if self.volumes { " and its data" } else { "" };
        let question = format!("remove `{name}`{data} from `{target}`?");
        if !ask::confirmed(context, target, self.yes, &question)? {
            context.printer.note("nothing was changed");
            return Ok(Exit::Incomplete);
        }
        let reporter = progress::reporter(context);
        let report = runtime::down(&compiled, &options, reporter.as_ref())?;
        apply::finish(context, &report, "removed")
    }
}
