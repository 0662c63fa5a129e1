//! `kcc restart`: restarts components without changing them.

use clap::Args;
use kcc_model::Millis;
use kcc_plan::Request;

use super::{CommandResult, apply, selection::Selection};
use crate::{
    args::duration, compiled::Compiled, context::Context, exit::Exit, failure::Failure, progress,
    runtime,
};

/// Restart components one replica after the other
///
/// As in an apply, each running container keeps serving until its successor is ready, and
/// stays if the successor never is. A component that differs from its fragments is not
/// restarted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc restart web --target dev\n  kcc restart web cart --target prod --yes --timeout 5m"
)]
pub struct Restart {
    /// The components.
    #[command(flatten)]
    pub selection: Selection,
    /// Time limit for each component to become ready, such as `90s` or `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Millis>,
}

impl Restart {
    /// Asks for confirmation if the target is shared, and restarts.
    pub fn run(self, context: &Context) -> CommandResult {
        let lock_timeout = self.selection.lock.timeout();
        let Some((compiled, components)) =
            self.selection.confirm(context, "restart", reject_job)?
        else {
            return Ok(Exit::Incomplete);
        };
        let mut options = runtime::options(context, &compiled);
        options.lock_timeout = lock_timeout;
        options.request = Request::Restart(components);
        options.timeout_ms = self.timeout.map(|timeout| timeout.0);
        let reporter = progress::reporter(context);
        let report = runtime::apply(&compiled, &options, reporter.as_ref())?;
        apply::finish(context, &report, "restarted", "in")
    }
}

/// Fails for what runs to completion.
fn reject_job(compiled: &Compiled, name: &str) -> Result<(), Failure> {
    let component = &compiled.target_model().components[name];
    if component.run().is_none() {
        return Ok(());
    }
    let target = &compiled.desired().target;
    Err(Failure::usage(
        format!("`{name}` runs to completion; there is nothing to restart"),
        format!("run it again with `kcc start {name} --target {target}`"),
    ))
}
