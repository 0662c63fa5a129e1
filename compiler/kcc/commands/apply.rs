//! `kcc apply`: changes a target to match its fragments.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use kcc_diag::{Code, Diagnostic, Diagnostics, Format, Subject};
use kcc_model::{Millis, Name};
use kcc_plan::{ApplyReport, Failure, PlanFile, Scope};

use super::{
    CommandResult, addresses,
    changes::{ChangeArgs, confirm_shown, is_shown_first},
    json, note_sharing, only,
    plan::Prune,
};
use crate::{
    args::{self, LockArgs, ScopeArgs, ShareArgs, duration},
    confirm::confirm,
    context::Context,
    exit::Exit,
    failure, pipeline, plan_file,
    printer::Stdout,
    progress, runtime,
    summary::counted,
};

/// Change a target to match its fragments
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc apply --target dev\n  kcc apply --target prod --yes --timeout 10m\n  kcc apply --target prod --take deployment/web:spec.replicas\n  kcc apply --target dev --only web       web and what it needs\n  kcc apply plan.json                     what kcc plan -o showed, or nothing"
)]
pub struct Apply {
    /// Plan file of `kcc plan -o`, or directory of the system or one inside it
    /// [default: the current directory]
    #[arg(value_name = "PLAN|DIR")]
    pub path: Option<PathBuf>,
    /// Target, such as `dev` or `prod`; a plan file names its own
    #[arg(short, long, value_name = "TARGET", add = crate::completion::targets())]
    pub target: Option<String>,
    /// Use an isolated instance of the target, under a name of your choice or `auto`
    #[arg(long, value_name = "NAME", value_parser = args::instance)]
    pub instance: Option<String>,
    /// The components that the instance shares.
    #[command(flatten)]
    pub share: ShareArgs,
    /// Apply only COMPONENT and what it needs
    #[arg(long, value_name = "COMPONENT", add = crate::completion::components())]
    pub only: Vec<Name>,
    /// Time limit for each component to become ready, such as `90s` or `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Millis>,
    /// Wait until the time limit even for what cannot become ready by itself
    #[arg(long)]
    pub keep_waiting: bool,
    /// The changes to ask for by name.
    #[command(flatten)]
    pub changes: ChangeArgs,
    /// Describe the change in the target's history
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Delete objects that are no longer declared [default: owned]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub prune: Option<Prune>,
    /// The treatment of its lock.
    #[command(flatten)]
    pub lock: LockArgs,
}

impl Apply {
    /// Asks for confirmation if the target is shared, and applies.
    pub fn run(self, context: &Context) -> CommandResult {
        let path = self.path.as_deref();
        let planned = path
            .map(|path| plan_file::read(context, path))
            .transpose()?;
        let planned = planned.flatten();
        let scope = self.scope(planned.as_ref())?;
        let directory = path.filter(|_| planned.is_none());
        let share = match &planned {
            Some(plan) => ShareArgs {
                share: plan.shared.iter().cloned().collect(),
            },
            None => self.share.clone(),
        };
        let compiled = pipeline::compile_sharing(context, directory, &scope, &share)?;
        note_sharing(context, &compiled);
        let mut options = runtime::options(context, &compiled);
        if let Some(plan) = planned {
            plan.check_desired(compiled.desired())?;
            options.request = plan.request();
            options.choose(plan.choices());
            options.planned = Some(Arc::new(plan));
        } else {
            options.request = only(&compiled, self.only)?;
            options.prune = self.prune.unwrap_or(Prune::Owned).into();
            options.take = compiled.origins().fields(&self.changes.take)?;
            self.changes.choose(&compiled, &mut options)?;
        }
        options.revisions = Some(Arc::new(compiled.record()));
        options.message = self.message;
        options.lock_timeout = self.lock.timeout();
        options.keep_waiting = self.keep_waiting;
        options.timeout_ms = self.timeout.map(|timeout| timeout.0);
        let (name, target) = (&compiled.model.name, &scope.target);
        let question = format!("apply `{name}` to `{target}`?");
        let confirmed = if options.planned.is_none() && is_shown_first(&options) {
            let plan = runtime::plan(&compiled, &options)?;
            if context.settings.format != Format::Json {
                context.printer.data(&plan.to_text());
            }
            let shown = (&plan, &mut options);
            confirm_shown(context, &compiled, shown, self.yes, &question)?
        } else {
            confirm(context, target, self.yes, &question)?
        };
        if !confirmed {
            context.printer.note("nothing was changed");
            return Ok(Exit::Incomplete);
        }
        let reporter = progress::reporter(context);
        let report = runtime::apply(&compiled, &options, reporter.as_ref())?;
        finish(context, &report, "applied", "to")
    }

    /// Returns the target and instance: those of the plan, if there is one. What a plan
    /// contains cannot be chosen again.
    fn scope(&self, planned: Option<&PlanFile>) -> Result<ScopeArgs, failure::Failure> {
        let (target, instance) = (self.target.clone(), self.instance.clone());
        let Some(plan) = planned else {
            let missing = || {
                failure::Failure::usage(
                    "no target to apply to",
                    "name it, as in `--target dev`, or a file that `kcc plan -o FILE` wrote",
                )
            };
            let target = target.ok_or_else(missing)?;
            return Ok(ScopeArgs::of(target, instance));
        };
        let Scope {
            target: of_plan,
            instance: instance_of_plan,
            ..
        } = &plan.scope;
        let chosen = [
            ("--target", target.is_some_and(|target| target != *of_plan)),
            (
                "--instance",
                instance.is_some() && instance != *instance_of_plan,
            ),
            ("--only", !self.only.is_empty()),
            ("--share", !self.share.share.is_empty()),
            ("--take", !self.changes.take.is_empty()),
            ("--prune", self.prune.is_some()),
            ("--recreate", !self.changes.recreate.is_empty()),
            ("--take-over", self.changes.take_over.is_some()),
        ];
        if let Some((option, _)) = chosen.iter().find(|(_, chosen)| *chosen) {
            let command = plan.scope.command("plan");
            return Err(failure::Failure::usage(
                format!("`{option}` is decided by the plan, which is for `{of_plan}`"),
                format!("remove it, or make another plan: `{command} -o FILE`"),
            ));
        }
        Ok(ScopeArgs::of(of_plan.clone(), instance_of_plan.clone()))
    }
}

/// Prints the result of an apply or down, and returns its exit code.
pub fn finish(
    context: &Context,
    report: &ApplyReport,
    done: &str,
    preposition: &str,
) -> CommandResult {
    if context.settings.format == Format::Json {
        context.printer.data(&json(report));
    }
    summarise(context, report, done, preposition);
    Ok(Exit::from_code(report.exit_code()))
}

/// Prints the failures of an apply or down, and its result, such as "applied `shop` to
/// `dev`", to stderr.
pub fn summarise(context: &Context, report: &ApplyReport, done: &str, preposition: &str) {
    let printer = &context.printer;
    printer.diagnosis(&diagnostics(report).into(), Stdout::Data);
    let failures = report.failures.iter().chain(&report.not_ready);
    for failure in failures.filter(|failure| !failure.detail.is_empty()) {
        let of = failure.component.as_deref().unwrap_or(done);
        printer.evidence(&format!("last output of `{of}`:"), &failure.detail);
    }
    let done = if report.is_complete() {
        done.to_owned()
    } else {
        format!("partially {done}")
    };
    let Scope {
        system,
        target,
        instance,
    } = &report.scope;
    let instance = instance
        .as_ref()
        .map(|instance| format!(" ({instance})"))
        .unwrap_or_default();
    printer.note(&format!(
        "{done} `{system}` {preposition} `{target}`{instance}: {}",
        totals(report)
    ));
    for (name, component) in &report.components {
        let addresses = addresses(&component.addresses, component.address_pending);
        if !addresses.is_empty() {
            printer.note(&format!("  {name}: {addresses}"));
        }
    }
}

/// Returns an error for each failure, and a warning for each operation that was left and
/// each component that was not ready before.
fn diagnostics(report: &ApplyReport) -> Diagnostics {
    let diagnostic = |failure: &Failure, make: fn(Code, String) -> Diagnostic| {
        let mut message = failure.message.clone();
        if let Some(team) = &failure.team {
            let team = format!("(team `{team}`)");
            // A conflict already names the team next to its location.
            if !message.contains(&team) {
                message = format!("{message} {team}");
            }
        }
        let mut diagnostic = make(failure.code, message);
        diagnostic.help.clone_from(&failure.help);
        if let Some(component) = &failure.component {
            diagnostic.subject = Subject::Component(component.clone());
        }
        diagnostic.target(&report.scope.target)
    };
    let failures = report.failures.iter();
    let failures = failures.map(|failure| diagnostic(failure, Diagnostic::error));
    let others = report.left.iter().chain(&report.not_ready);
    let others = others.map(|failure| diagnostic(failure, Diagnostic::warning));
    failures.chain(others).collect()
}

/// Formats the number of components by outcome, and of operations.
fn totals(report: &ApplyReport) -> String {
    let totals = report.totals();
    let parts: Vec<String> = [
        (totals.created, "created"),
        (totals.updated, "updated"),
        (totals.replaced, "replaced"),
        (totals.deleted, "deleted"),
        (totals.unchanged, "unchanged"),
        (totals.skipped, "skipped"),
        (totals.failed, "failed"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .enumerate()
    .map(|(at, (count, what))| match at {
        // Only the first count names its unit.
        0 => format!("{} {what}", counted(count, "component")),
        _ => format!("{count} {what}"),
    })
    .collect();
    if parts.is_empty() && report.planned == 0 {
        return "nothing to do".to_owned();
    }
    let operations = match report.planned {
        0 => String::new(),
        planned => format!(
            ", {} of {}",
            report.performed,
            counted(planned, "operation")
        ),
    };
    let left = match report.left.len() {
        0 => String::new(),
        count => format!(", {count} left for the next apply"),
    };
    let not_ready = match report.not_ready.len() {
        0 => String::new(),
        count => format!(", {count} not ready as before"),
    };
    let all = parts.join(", ") + &operations + &left + &not_ready;
    all.trim_start_matches(", ").to_owned()
}
