//! `kcc apply`: changes a target to match its fragments.

use clap::Args;
use kcc_diag::{Code, Diagnostic, Diagnostics, Format, Subject};
use kcc_model::Millis;
use kcc_plan::{ApplyReport, Failure, Scope};

use super::{CommandResult, json, plan::Prune};
use crate::{
    args::{ScopeArgs, System, duration},
    confirm::confirm,
    context::Context,
    exit::Exit,
    pipeline,
    printer::Stdout,
    progress, runtime,
    summary::counted,
};

/// Change a target to match its fragments
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc apply --target dev\n  kcc apply --target prod --yes --timeout 10m\n  kcc apply --target prod --take deployment/web:spec.replicas"
)]
pub struct Apply {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// The system that declares it.
    #[command(flatten)]
    pub system: System,
    /// Time limit for each component to become ready, such as `90s` or `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Millis>,
    /// Take over FIELD from another field manager, as named by `kcc plan`
    #[arg(long, value_name = "FIELD")]
    pub take: Vec<String>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Delete objects that are no longer declared
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Prune::Owned)]
    pub prune: Prune,
}

impl Apply {
    /// Asks for confirmation if the target is shared, and applies.
    pub fn run(self, context: &Context) -> CommandResult {
        let target = &self.scope.target;
        let compiled = pipeline::compile_scope(context, self.system.dir.as_deref(), &self.scope)?;
        let mut options = runtime::options(context, &compiled);
        options.prune = self.prune.into();
        options.take = compiled.origins().fields(&self.take)?;
        options.timeout_ms = self.timeout.map(|timeout| timeout.0);
        let name = &compiled.model.name;
        let question = format!("apply `{name}` to `{target}`?");
        if !confirm(context, target, self.yes, &question)? {
            context.printer.note("nothing was changed");
            return Ok(Exit::Incomplete);
        }
        let reporter = progress::reporter(context);
        let report = runtime::apply(&compiled, &options, reporter.as_ref())?;
        finish(context, &report, "applied", "to")
    }
}

/// Prints the result of an apply or down, such as "applied `shop` to `dev`", and
/// returns its exit code.
pub fn finish(
    context: &Context,
    report: &ApplyReport,
    done: &str,
    preposition: &str,
) -> CommandResult {
    let printer = &context.printer;
    printer.diagnosis(&diagnostics(report).into(), Stdout::Data);
    let failures = report.failures.iter();
    for failure in failures.filter(|failure| !failure.detail.is_empty()) {
        let of = failure.component.as_deref().unwrap_or(done);
        printer.evidence(&format!("last output of `{of}`:"), &failure.detail);
    }
    if context.settings.format == Format::Json {
        printer.data(&json(report));
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
        if !component.addresses.is_empty() {
            printer.note(&format!("  {name}: {}", component.addresses.join(" ")));
        }
    }
    Ok(Exit::from_code(report.exit_code()))
}

/// Returns an error for each failure, and a warning for each operation that was left.
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
    let left = report.left.iter();
    let left = left.map(|failure| diagnostic(failure, Diagnostic::warning));
    failures.chain(left).collect()
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
    let all = parts.join(", ") + &operations + &left;
    all.trim_start_matches(", ").to_owned()
}
