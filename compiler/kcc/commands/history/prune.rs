//! `kcc history prune`: removes old revisions from a target's record or an archive.

use clap::Args;
use kcc_plan::Scope;

use crate::{
    args::{self, LockArgs, ScopeArgs},
    commands::CommandResult,
    confirm::confirm,
    context::Context,
    exit::Exit,
    failure::Failure,
    pipeline, runtime,
    summary::counted,
};

/// Remove old revisions from a target or an archive
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc history prune --target prod --keep 5\n  kcc history prune /backup/shop --keep 100     the last 100 of each target\n\nThe last revision that was applied completely is always kept."
)]
pub struct Prune {
    /// Archive: a directory, or a file that ends in `.tar`
    #[arg(
        value_name = "ARCHIVE",
        required_unless_present = "target",
        conflicts_with = "target"
    )]
    pub archive: Option<String>,
    /// Target, such as `dev` or `prod`
    #[arg(short, long, value_name = "TARGET", add = crate::completion::targets())]
    pub target: Option<String>,
    /// Use an isolated instance of the target, under a name of your choice or `auto`
    #[arg(long, value_name = "NAME", value_parser = args::instance, requires = "target")]
    pub instance: Option<String>,
    /// Number of revisions to keep
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: u16,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// The treatment of its lock.
    #[command(flatten)]
    pub lock: LockArgs,
}

impl Prune {
    /// Removes all but the last revisions.
    pub fn run(self, context: &Context) -> CommandResult {
        let keep = usize::from(self.keep);
        let (removed, from) = match (self.archive, self.target) {
            (Some(archive), _) => {
                let removed = runtime::prune_archive(context, &archive, keep)?;
                (removed, format!("`{archive}`"))
            }
            (None, Some(target)) => {
                let scope = ScopeArgs::of(target, self.instance);
                let compiled = pipeline::locate(context, &scope)?;
                let mut options = runtime::options(context, &compiled);
                options.lock_timeout = self.lock.timeout();
                let history = Scope::of(compiled.desired());
                let question = format!(
                    "remove all but the last {} of {history}?",
                    counted(keep, "revision")
                );
                if !confirm(context, &scope.target, self.yes, &question)? {
                    context.printer.note("nothing was changed");
                    return Ok(Exit::Incomplete);
                }
                let removed = runtime::prune(&compiled, &options, keep)?;
                (removed, format!("the history of {history}"))
            }
            (None, None) => {
                return Err(Failure::usage(
                    "nothing to prune",
                    "name an archive, or a target as in `--target dev`",
                ));
            }
        };
        let removed = counted(removed, "revision");
        context
            .printer
            .note(&format!("removed {removed} from {from}"));
        Ok(Exit::Done)
    }
}
