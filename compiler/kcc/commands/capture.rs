//! `kcc capture`: writes a revision, what ran at this moment and how it failed to one file.

use std::{
    collections::BTreeSet, fmt::Write as _, ops::ControlFlow, path::PathBuf, sync::Arc,
    time::Duration,
};

use clap::Args;
use kcc_capsule::{Capture as Captured, Observed, Symptom};
use kcc_diag::Format;
use kcc_model::Name;
use kcc_plan::{
    DriftOptions, LogLine, LogOptions, Options, Prune, Scope,
    revision::{FoundRevision, RevisionId, Time},
};
use serde::Serialize;

use super::{CommandResult, json, plain_lines, rollback::with_recorded};
use crate::{
    args::{ScopeArgs, revision},
    compiled::Compiled,
    context::Context,
    exit::Exit,
    failure::Failure,
    pipeline, runtime,
    summary::counted,
};

/// The number of lines of each log that a capsule keeps.
const LINES: u32 = 50;

/// Write a failure to one file, to reproduce it elsewhere
///
/// The file, a capsule, has the revision in force, what runs differently from it, the
/// identities of the images that run, the last events, the last log lines of what failed,
/// and the causes. It has no value of a secret. `kcc reproduce` brings the failure up on a
/// Docker engine, without access to the target.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc capture --target prod\n  kcc capture --target prod -o checkout-oom.capsule\n  kcc capture @-2h --target prod     the revision of two hours ago, without what ran"
)]
pub struct Capture {
    /// Revision: a number from `kcc history`, or `@` and a time, such as `@-2h` [default:
    /// the one in force, with what runs]
    #[arg(value_name = "REVISION", value_parser = revision)]
    pub revision: Option<RevisionId>,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Also keep edited variables, commands and arguments, unless they are or look like
    /// secrets
    #[arg(long)]
    pub edited_values: bool,
    /// Write to FILE [default: SYSTEM-TARGET-REVISION.capsule]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A target at one moment, ready to be written.
pub(super) struct Moment {
    /// The target, with the objects of the revision.
    compiled: Compiled,
    options: Options,
    pub(super) capture: Captured,
}

/// The JSON output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    file: &'a str,
    #[serde(flatten)]
    scope: &'a Scope,
    revision: u64,
    symptoms: &'a [Symptom],
    left_out: &'a [String],
}

impl Capture {
    /// Writes the file, and prints what it shows and lacks.
    pub fn run(self, context: &Context) -> CommandResult {
        let moment = Moment::capture(context, &self.scope, self.revision, self.edited_values)?;
        let path = self.output.unwrap_or_else(|| moment.default_path());
        moment.write(context, &path)?;
        let capture = &moment.capture;
        let shown = path.display().to_string();
        context.printer.data(&match context.settings.format {
            Format::Json => json(Document {
                file: &shown,
                scope: &capture.scope,
                revision: capture.revision,
                symptoms: &capture.symptoms,
                left_out: &capture.left_out,
            }),
            _ => text(&shown, capture),
        });
        Ok(Exit::Done)
    }
}

impl Moment {
    /// Reads the revision of a target and, if it is in force, what runs.
    pub(super) fn capture(
        context: &Context,
        scope: &ScopeArgs,
        id: Option<RevisionId>,
        edited_values: bool,
    ) -> Result<Self, Failure> {
        let compiled = pipeline::locate(context, scope)?;
        let mut options = runtime::options(context, &compiled);
        let newest = RevisionId::At(Time::Ago(Duration::ZERO));
        let found = runtime::revision(&compiled, &options, id.unwrap_or(newest))?;
        let revision = Arc::new(found.revision.clone());
        let compiled = with_recorded(compiled, &mut options, &revision);
        options.recorded = true;
        options.prune = Prune::None;
        let last = found.history.history.last();
        let in_force = last.is_some_and(|last| last.number == found.entry.number);
        let observed = if in_force {
            observe(&compiled, &options, edited_values)
        } else {
            not_in_force(&found)
        };
        let at = if in_force {
            found.history.now
        } else {
            found.entry.ended.unwrap_or(found.entry.started).engine
        };
        let capture = Captured::new(&revision, found.outcome.as_ref(), at, observed);
        Ok(Self {
            compiled,
            options,
            capture,
        })
    }

    /// Returns the name of the file, unless another one is given.
    pub(super) fn default_path(&self) -> PathBuf {
        let Scope {
            system,
            target,
            instance,
        } = &self.capture.scope;
        let instance = instance.as_ref().map(|name| format!(".{name}"));
        let instance = instance.unwrap_or_default();
        let number = self.capture.revision;
        PathBuf::from(format!("{system}-{target}{instance}-{number}.capsule"))
    }

    /// Writes the file.
    pub(super) fn write(&self, context: &Context, path: &std::path::Path) -> Result<(), Failure> {
        let shown = path.display().to_string();
        let path = context.settings.working_dir.join(path);
        let file = (path.as_path(), shown.as_str());
        runtime::write_capsule(&self.compiled, &self.options, file, &self.capture)
    }
}

/// Asks the engine for everything. Whatever it does not tell is left out, with the reason:
/// a half-broken engine is when a capsule is wanted.
fn observe(compiled: &Compiled, options: &Options, edited_values: bool) -> Observed {
    let mut observed = Observed::default();
    let mut left_out = Vec::new();
    let mut lacks = |what: &str, failure: &Failure| {
        left_out.push(format!("{what}: {}", reason(failure)));
    };
    match runtime::status(compiled, options) {
        Ok(status) => observed.status = Some(status),
        Err(failure) => lacks("the states of components", &failure),
    }
    let drift = DriftOptions {
        edited_values,
        ..DriftOptions::default()
    };
    match runtime::drift(compiled, options, &drift) {
        Ok(drift) => observed.drift = Some(drift),
        Err(failure) => lacks("what runs differently", &failure),
    }
    match runtime::running_images(compiled, options) {
        Ok(images) => observed.images = images,
        Err(failure) => lacks("the identities of images", &failure),
    }
    let mut unredacted = Vec::new();
    let mut warn = |text: &str| unredacted.push(text.to_owned());
    match runtime::timeline(compiled, options, &mut warn) {
        Ok(timeline) if unredacted.is_empty() => observed.timeline = Some(timeline),
        Ok(_) => {}
        Err(failure) => lacks("the events", &failure),
    }
    left_out.extend(unredacted.drain(..).map(|why| format!("the events: {why}")));
    let failed = observed.status.iter().flat_map(|status| &status.components);
    let failed = failed.filter(|(_, status)| !status.is_ready());
    let components: BTreeSet<Name> = failed.map(|(name, _)| name.clone()).collect();
    for component in components {
        observed
            .logs
            .extend(log(compiled, options, component, &mut left_out));
    }
    left_out.push("the values of secrets".to_owned());
    left_out.push("the data of volumes".to_owned());
    observed.left_out = left_out;
    observed
}

/// Returns the last lines of a component's logs; none if a secret in them could not be
/// redacted.
fn log(
    compiled: &Compiled,
    options: &Options,
    component: Name,
    left_out: &mut Vec<String>,
) -> Vec<LogLine> {
    let what = format!("the log of `{component}`");
    let wanted = LogOptions {
        components: BTreeSet::from([component]),
        tail: Some(LINES),
        ..LogOptions::default()
    };
    let mut lines = Vec::new();
    let mut unredacted = None;
    let read = runtime::logs(
        compiled,
        options,
        &wanted,
        &mut |text| unredacted = Some(text.to_owned()),
        &mut |line| {
            lines.push(line);
            ControlFlow::Continue(())
        },
    );
    let why = match read {
        _ if unredacted.is_some() => unredacted,
        Err(failure) => Some(reason(&failure)),
        Ok(report) => {
            let failures = report.iter().flat_map(|report| &report.failures);
            failures.map(kcc_plan::Error::chain).next()
        }
    };
    if let Some(why) = why {
        left_out.push(format!("{what}: {why}"));
        lines.clear();
    }
    lines
}

/// Returns nothing of what ran at the time of an earlier revision.
fn not_in_force(found: &FoundRevision) -> Observed {
    let number = found.entry.number;
    let why = format!(
        "what ran with revision {number}, which is not in force any more: only the outcome of \
         its apply is known"
    );
    Observed {
        left_out: vec![
            why,
            "the values of secrets".to_owned(),
            "the data of volumes".to_owned(),
        ],
        ..Observed::default()
    }
}

/// Returns the reason of a failure in one line.
fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Environment(error) => error.chain(),
        Failure::Usage { message, .. } => message.clone(),
        Failure::Io { message, cause } => format!("{message}: {cause}"),
        Failure::Configuration(diagnosis) | Failure::Unavailable(diagnosis) => {
            let mut messages = diagnosis.diagnostics.iter().map(|one| one.message.clone());
            messages.next().unwrap_or_default()
        }
        Failure::Evaluator(error) => error.to_string(),
    }
}

/// Describes what a capsule shows and lacks.
fn text(file: &str, capture: &Captured) -> String {
    let mut text = format!(
        "captured revision {} of {} in {file}: {}, {}, {}, {}\n",
        capture.revision,
        capture.scope,
        counted(capture.symptoms.len(), "failure"),
        counted(capture.changes.len(), "difference"),
        counted(capture.events.len(), "event"),
        counted(capture.logs.len(), "log line"),
    );
    for symptom in &capture.symptoms {
        let _ = match &symptom.component {
            Some(component) => writeln!(text, "  `{component}`: {}", symptom.message),
            None => writeln!(text, "  {}", symptom.message),
        };
    }
    for what in &capture.left_out {
        let _ = writeln!(text, "left out: {what}");
    }
    plain_lines(&text)
}
