//! `kcc stop`: removes what `kcc start` created.

use clap::Args;
use kcc_model::Name;
use kcc_plan::{Request, Scope};

use super::{CommandResult, apply, known};
use crate::{
    args::ScopeArgs, compiled::Compiled, confirm::confirm, context::Context, exit::Exit,
    failure::Failure, pipeline, progress, runtime,
};

/// Stop components that `kcc start` started
///
/// Removes their containers, or their objects in the cluster; volumes and claims stay for
/// the next start.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kcc stop profiler --target dev")]
pub struct Stop {
    /// Components to stop
    #[arg(value_name = "COMPONENT", required = true, add = crate::completion::components())]
    pub components: Vec<Name>,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
}

impl Stop {
    /// Asks for confirmation if the target is shared, and removes the objects.
    pub fn run(self, context: &Context) -> CommandResult {
        let target = &self.scope.target;
        let compiled = pipeline::compile_scope(context, None, &self.scope)?;
        let components = known(&compiled, self.components)?;
        for name in &components {
            reject_automatic(&compiled, name)?;
        }
        let names: Vec<_> = components.iter().map(|name| format!("`{name}`")).collect();
        let question = format!("stop {} in `{target}`?", names.join(", "));
        if !confirm(context, target, self.yes, &question)? {
            context.printer.note("nothing was changed");
            return Ok(Exit::Incomplete);
        }
        let mut options = runtime::options(context, &compiled);
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
