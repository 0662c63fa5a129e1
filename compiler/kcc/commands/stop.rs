//! `kcc stop`: removes what `kcc start` created.

use clap::Args;
use kcc_plan::{Request, Scope};

use super::{CommandResult, apply, selection::Selection};
use crate::{
    compiled::Compiled, context::Context, exit::Exit, failure::Failure, progress, runtime,
};

/// Stop components that `kcc start` started
///
/// Removes their containers, or their objects in the cluster; volumes and claims stay for
/// the next start.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kcc stop profiler --target dev")]
pub struct Stop {
    /// The components.
    #[command(flatten)]
    pub selection: Selection,
}

impl Stop {
    /// Asks for confirmation if the target is shared, and removes the objects.
    pub fn run(self, context: &Context) -> CommandResult {
        let lock_timeout = self.selection.lock.timeout();
        let Some((compiled, components)) =
            self.selection.confirm(context, "stop", reject_automatic)?
        else {
            return Ok(Exit::Incomplete);
        };
        let mut options = runtime::options(context, &compiled);
        options.lock_timeout = lock_timeout;
        options.request = Request::Stop(components);
        let reporter = progress::reporter(context);
        let report = runtime::down(&compiled, &options, reporter.as_ref())?;
        apply::finish(context, &report, "stopped", "in")
    }
}

/// Fails for what every apply would start again.
fn reject_automatic(compiled: &Compiled, name: &str) -> Result<(), Failure> {
    if compiled.desired().components[name].manual {
        return Ok(());
    }
    let down = Scope::of(compiled.desired()).command("down");
    Err(Failure::usage(
        format!("every apply starts `{name}` again"),
        format!("write `start: \"manual\"` for it, or remove the whole target with `{down}`"),
    ))
}
