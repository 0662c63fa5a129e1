//! `kcc drift`: compares the recorded objects of a target with the live ones, and prints
//! each difference with the line and team behind the recorded value, and the evidence of
//! who changed it.

mod adopt;
mod recorded;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use kcc_diag::{Code, Diagnostic, Diagnostics, Format, nearest, plain};
use kcc_model::{Millis, Name};
use kcc_plan::{
    DriftOptions, DriftReport, Evidence, Grade, Request, Scope, Verdict, revision::Content,
};
use kcc_tree::{Engine, Path};
use serde::Serialize;
use serde_json::Value;

use self::recorded::{RECORD, Recorded, component, span};
use super::{
    CommandResult,
    changes::ChangeArgs,
    json,
    rollback::{AppliedAgain, apply_recorded},
};
use crate::{
    args::{LockArgs, ScopeArgs, duration},
    context::Context,
    exit::Exit,
    failure::{Diagnosis, Failure},
    printer::Stdout,
    provenance::{FieldPath, Line, LiveDifference, RecordedCommits, RolledBack, live_differences},
};

/// The message of a revision that reverts drift, unless another one is given.
const REVERT: &str = "revert drift";

/// Show what runs differently from what was applied, and who changed it
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag, and clap excludes the combinations that make no sense"
)]
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc drift --target prod\n  kcc drift web --target prod --exit-code     exit 1 if there is drift\n  kcc drift deployment/web:spec.replicas --target prod\n  kcc drift --target prod --audit audit.log --format json | jq '.deviations[].evidence'\n  kcc drift web --target prod --revert        undo it, plan first\n  kcc drift services.web.replicas --target prod --adopt"
)]
pub struct Drift {
    /// Components, by name, or paths in the model or in objects [default: everything]
    #[arg(value_name = "COMPONENT|PATH", add = crate::completion::components())]
    pub names: Vec<String>,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Show only what TEAM answers for
    #[arg(long, value_name = "TEAM")]
    pub team: Option<Name>,
    /// Read who changed what from FILE, an audit log of the API server as JSON lines
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
    /// Report only what still differs after DURATION, such as `0s` or `1m`
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    pub settle: Millis,
    /// Exit with status 1 if there is drift
    #[arg(long, conflicts_with_all = ["revert", "adopt"])]
    pub exit_code: bool,
    /// Apply the recorded objects again where they differ, plan first
    #[arg(long)]
    pub revert: bool,
    /// Write the live values into the fragments of the teams that own them
    #[arg(long, conflicts_with = "revert")]
    pub adopt: bool,
    /// Describe the reason in the target's history
    #[arg(short, long, value_name = "TEXT", requires = "revert")]
    pub message: Option<String>,
    /// Time limit for each component to become ready, such as `90s` or `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "revert")]
    pub timeout: Option<Millis>,
    /// Do not ask for confirmation
    #[arg(short, long, requires = "revert")]
    pub yes: bool,
    /// The treatment of its lock.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// The JSON output.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    scope: &'a Scope,
    engine: Engine,
    /// The revision that the live objects are compared with.
    revision: u64,
    deviations: Vec<Shown<'a>>,
}

/// A difference as JSON shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    verdict: Verdict,
    /// True if it counts as drift.
    drift: bool,
    kind: &'a str,
    name: &'a str,
    component: Option<&'a str>,
    team: Option<&'a str>,
    /// The path in the engine's object.
    path: &'a str,
    /// The path in the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a Path>,
    /// The recorded value; null if it sets none, omitted if it may be a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    desired: Option<&'a Value>,
    /// The live value, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    lines: &'a [Line],
    evidence: &'a Evidence,
}

impl<'a> Shown<'a> {
    fn of(found: &'a LiveDifference<'_>) -> Self {
        let deviation = found.deviation;
        let change = deviation.change.as_ref();
        Self {
            verdict: deviation.verdict,
            drift: deviation.verdict.is_drift(),
            kind: &deviation.kind,
            name: &deviation.name,
            component: component(found),
            team: found.difference.team.as_deref(),
            path: &found.difference.path,
            model: found.model.as_ref(),
            desired: change.and_then(|change| change.desired.as_ref()),
            live: change.and_then(|change| change.live.as_ref()),
            cause: deviation.cause.as_deref(),
            lines: &found.difference.left.lines,
            evidence: &deviation.evidence,
        }
    }
}

impl Drift {
    /// Prints the differences to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let recorded = Recorded::read(context, &self.scope)?;
        let drift = self.options(context, &recorded)?;
        let report = recorded.report(&drift, Duration::from_millis(self.settle.0), context)?;
        if let (true, Some(path)) = (report.has_no_audit_log, &self.audit) {
            return Err(Failure::usage(
                format!("`{}` is not an audit log", path.display()),
                "name a file with entries of `audit.k8s.io/v1`, one JSON object per line",
            ));
        }
        let objects = recorded.compiled.lowered.objects();
        let declared = &recorded.found.revision.content;
        let mut differences = live_differences(&report, &objects, declared);
        self.filter(declared, &mut differences)?;
        annotate(&recorded, &mut differences);
        if !(self.revert || self.adopt) || context.settings.format == Format::Text {
            self.print(context, &recorded, &report, &differences);
        }
        if self.adopt {
            return adopt::adopt(context, &self.scope, &recorded, &differences);
        }
        if self.revert {
            let reversal = Reversal::of(&differences)?;
            return self.undo(context, recorded, reversal);
        }
        let is_drift = |found: &LiveDifference<'_>| found.deviation.verdict.is_drift();
        Ok(if self.exit_code && differences.iter().any(is_drift) {
            Exit::Configuration
        } else {
            Exit::Done
        })
    }

    /// Applies the recorded objects of what differs.
    fn undo(self, context: &Context, recorded: Recorded, reversal: Reversal) -> CommandResult {
        for left in &reversal.left {
            context.printer.note(&format!("left alone: {left}"));
        }
        if reversal.is_empty() {
            context.printer.note("there is nothing to revert");
            return Ok(Exit::Done);
        }
        let Recorded {
            compiled,
            found,
            mut options,
        } = recorded;
        let revision = Arc::new(found.revision);
        let number = revision.manifest.number;
        let scope = Scope::of(compiled.desired());
        options.request = reversal.request(!self.names.is_empty() || self.team.is_some());
        options.take = reversal.take;
        options.revisions = Some(Arc::new(RolledBack(revision.clone())));
        options.message = Some(self.message.unwrap_or_else(|| REVERT.to_owned()));
        options.timeout_ms = self.timeout.map(|timeout| timeout.0);
        options.lock_timeout = self.lock.timeout();
        let texts = AppliedAgain {
            question: format!("revert {scope} to revision {number}?"),
            done: format!("applied revision {number} of"),
            yes: self.yes,
            changes: ChangeArgs::default(),
        };
        apply_recorded(context, compiled, options, &revision, &texts)
    }

    fn options(&self, context: &Context, recorded: &Recorded) -> Result<DriftOptions, Failure> {
        let mut options = DriftOptions {
            evidence_since: Some(recorded.since()),
            ..DriftOptions::default()
        };
        let Some(path) = &self.audit else {
            return Ok(options);
        };
        let target = &self.scope.target;
        if recorded.compiled.target_model().engine.engine() == Engine::Docker {
            return Err(Failure::usage(
                format!("`--audit` requires Kubernetes, but `{target}` runs on Docker"),
                "remove `--audit`: Docker does not record who makes a request",
            ));
        }
        let path = context.settings.working_dir.join(path);
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::io(format!("cannot read `{}`", path.display()), error))?;
        options.audit = Some(text);
        Ok(options)
    }

    /// Leaves out what was not asked for.
    fn filter(
        &self,
        content: &Content,
        differences: &mut Vec<LiveDifference<'_>>,
    ) -> Result<(), Failure> {
        if let Some(team) = &self.team {
            let components = content.components.values();
            let teams = components.map(|component| &component.model.team);
            let mut teams = teams.chain(content.shared.teams.keys());
            if !teams.clone().any(|known| known == team) {
                let near = nearest(team, teams.by_ref().map(String::as_str));
                let help = near.map_or_else(
                    || "`kcc drift` without `--team` names the teams".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(Failure::usage(format!("there is no team `{team}`"), help));
            }
            differences.retain(|found| found.difference.team.as_ref() == Some(team));
        }
        if self.names.is_empty() {
            return Ok(());
        }
        let names = self.names.iter();
        let selections = names.map(|name| Selection::parse(name, content));
        let selections = selections.collect::<Result<Vec<_>, _>>()?;
        differences.retain(|found| selections.iter().any(|one| one.selects(found)));
        Ok(())
    }

    fn print(
        &self,
        context: &Context,
        recorded: &Recorded,
        report: &DriftReport,
        differences: &[LiveDifference<'_>],
    ) {
        let revision = recorded.found.entry.number;
        match context.settings.format {
            Format::Json => context.printer.data(&json(Document {
                scope: &report.scope,
                engine: report.engine,
                revision,
                deviations: differences.iter().map(Shown::of).collect(),
            })),
            Format::Text => {
                let text = text(&report.scope, revision, differences);
                context.printer.data(&text);
            }
            Format::Github | Format::Sarif => {
                let diagnosis = recorded.diagnosis(&self.scope.target, differences);
                context.printer.diagnosis(&diagnosis, Stdout::Diagnostics);
            }
        }
    }
}

/// The work that removes differences.
#[derive(Default)]
struct Reversal {
    components: BTreeSet<Name>,
    /// True if objects differ that belong to no component.
    shared: bool,
    /// The fields to take over from other field managers.
    take: BTreeSet<String>,
    /// The objects that kcc did not make, and leaves alone.
    left: Vec<String>,
}

impl Reversal {
    fn of(differences: &[LiveDifference<'_>]) -> Result<Self, Failure> {
        let mut reversal = Self::default();
        for found in differences {
            let deviation = found.deviation;
            match deviation.verdict {
                Verdict::Scaled | Verdict::Yielded | Verdict::Unknown => continue,
                Verdict::Added => {
                    reversal.left.push(message(found));
                    continue;
                }
                // An apply would replace the container by one of the other image.
                Verdict::ImageMoved => return Err(moved(found)),
                _ => {}
            }
            reversal.take.extend(deviation.take.clone());
            match component(found) {
                Some(name) => _ = reversal.components.insert(name.to_owned()),
                None => reversal.shared = true,
            }
        }
        Ok(reversal)
    }

    fn is_empty(&self) -> bool {
        self.components.is_empty() && !self.shared
    }

    /// Returns the work; `selected` says that it was limited on the command line.
    fn request(&self, selected: bool) -> Request {
        if self.shared && !selected {
            Request::Apply
        } else {
            Request::Only(self.components.clone())
        }
    }
}

/// Refuses to revert a component whose image moved.
fn moved(found: &LiveDifference<'_>) -> Failure {
    let message = format!(
        "cannot revert `{}`: the reference to its image leads to another image",
        found.difference.path
    );
    let help = "tag the applied image again, or write the image that you want in the fragment";
    kcc_plan::Error::new(Code::DriftImageMoved, message)
        .help(help)
        .into()
}

/// A selection on the command line.
enum Selection {
    Component(Name),
    Model(Path),
    /// The beginning of a path in an object.
    Object(String),
}

impl Selection {
    fn parse(text: &str, content: &Content) -> Result<Self, Failure> {
        if content.components.contains_key(text) {
            return Ok(Self::Component(text.to_owned()));
        }
        let unknown = |message: String| {
            let known = content.components.keys().map(String::as_str);
            let help = match nearest(text, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a component, or a path such as `services.web.replicas`".to_owned(),
            };
            Failure::usage(message, help)
        };
        match FieldPath::parse(text)? {
            FieldPath::Model(path) if path.0.len() < 2 => {
                Err(unknown(format!("the revision has no component `{text}`")))
            }
            FieldPath::Model(path) => {
                let is_declared = content.below(&path).next().is_some();
                if is_declared {
                    Ok(Self::Model(path))
                } else {
                    Err(unknown(format!("the revision declares no `{path}`")))
                }
            }
            path @ FieldPath::Object { .. } => Ok(Self::Object(path.to_string())),
        }
    }

    fn selects(&self, found: &LiveDifference<'_>) -> bool {
        match self {
            Self::Component(name) => component(found) == Some(name),
            Self::Model(path) => found
                .model
                .as_ref()
                .is_some_and(|model| model.is_within(path)),
            Self::Object(text) => {
                let rest = found.difference.path.strip_prefix(text.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':']))
            }
        }
    }
}

impl Recorded {
    /// Returns the differences as diagnostics at the lines behind the recorded values.
    fn diagnosis(&self, target: &str, differences: &[LiveDifference<'_>]) -> Diagnosis {
        let tree = &self.compiled.tree;
        let content = &self.found.revision.content;
        let found = differences.iter();
        let found = found.filter(|found| found.deviation.verdict.is_drift());
        let mut diagnostics = Diagnostics::new();
        for found in found {
            let message = format!(
                "{}; {}",
                message(found),
                evidence_text(&found.deviation.evidence)
            );
            let mut diagnostic =
                Diagnostic::warning(found.deviation.verdict.code(), message).target(target);
            if let Some(model) = &found.model {
                diagnostic = diagnostic.at(model);
            }
            let line = found.difference.left.lines.first();
            if let Some(span) = line.and_then(|line| span(&tree.files, line, content)) {
                diagnostic = diagnostic.primary(span, "applied from here");
            }
            diagnostics.push(diagnostic);
        }
        Diagnosis::of(tree, self.compiled.root.shown(), diagnostics)
    }
}

/// Adds the commits of the lines.
fn annotate(recorded: &Recorded, differences: &mut [LiveDifference<'_>]) {
    let root = recorded.compiled.root.path();
    let mut commits = RecordedCommits::of(root, &recorded.found.revision.content);
    let lines = differences.iter_mut();
    for line in lines.flat_map(|found| &mut found.difference.left.lines) {
        line.commit = commits.commit_at(&line.file, line.line).map(Some);
    }
}

/// Describes a difference in one line.
fn message(found: &LiveDifference<'_>) -> String {
    let deviation = found.deviation;
    let path = &found.difference.path;
    let verdict = deviation.verdict.as_str();
    let Some(change) = &deviation.change else {
        let cause = deviation.cause.as_deref().unwrap_or(verdict);
        return format!("`{path}`: {verdict} ({cause})");
    };
    format!(
        "`{path}`: {verdict}, {} applied, {} live",
        value(change.desired.as_ref()),
        value(change.live.as_ref())
    )
}

fn value(value: Option<&Value>) -> String {
    match value {
        None => "***".to_owned(),
        Some(Value::Null) => "not set".to_owned(),
        Some(value) => value.to_string(),
    }
}

/// Formats evidence as a sentence.
fn evidence_text(evidence: &Evidence) -> String {
    let at = evidence.at.as_ref();
    let at = at.map(|at| format!(" at {} UTC", at.strftime("%Y-%m-%d %H:%M:%S")));
    let at = at.unwrap_or_default();
    let note = evidence.note.as_ref();
    let note = note.map_or_else(String::new, |note| format!(" ({note})"));
    let action = evidence.action.as_deref().unwrap_or("change");
    match (evidence.grade, evidence.source) {
        (Grade::Unknown, _) | (_, None) => format!("unknown who changed it, and when{note}"),
        (Grade::SelfDeclared, Some(_)) => {
            let manager = evidence.manager.as_deref().unwrap_or_default();
            format!("self-declared: field manager `{manager}`{at}{note}")
        }
        (Grade::Proved, Some(source)) => {
            let user = evidence.user.as_ref();
            let user = user.map_or_else(
                || "; who did it is not recorded".to_owned(),
                |user| format!(" by `{user}`"),
            );
            let agent = evidence.user_agent.as_ref();
            let agent = agent.map_or_else(String::new, |agent| format!(", with {agent}"));
            let ip = evidence.source_ip.as_ref();
            let ip = ip.map_or_else(String::new, |ip| format!(", from {ip}"));
            format!(
                "proved by {}: {action}{at}{user}{agent}{ip}{note}",
                article(source)
            )
        }
    }
}

fn article(source: &str) -> String {
    match source {
        RECORD => source.to_owned(),
        kcc_plan::AUDIT_LOG => format!("the {source}"),
        _ => format!("an {source}"),
    }
}

/// Formats the differences by component and team, those that are not drift at the end.
fn text(scope: &Scope, revision: u64, differences: &[LiveDifference<'_>]) -> String {
    let (drift, others): (Vec<_>, Vec<_>) = differences
        .iter()
        .partition(|found| found.deviation.verdict.is_drift());
    let count = match drift.len() {
        0 => "no drift".to_owned(),
        1 => "1 deviation".to_owned(),
        count => format!("{count} deviations"),
    };
    let mut out = format!("{scope}: {count} from revision {revision}\n");
    by_component(&drift, &mut out);
    if !others.is_empty() {
        out += "\nnot drift\n";
        by_component(&others, &mut out);
    }
    plain(&out).into_owned()
}

fn by_component(differences: &[&LiveDifference<'_>], out: &mut String) {
    let mut groups: BTreeMap<(&str, &str), Vec<&LiveDifference<'_>>> = BTreeMap::new();
    for found in differences {
        let component = component(found).unwrap_or("shared objects");
        let team = found.difference.team.as_deref().unwrap_or("system");
        groups.entry((component, team)).or_default().push(found);
    }
    for ((component, team), all) in groups {
        let _ = writeln!(out, "\n{component} [{team}]");
        for found in all {
            describe(found, out);
        }
    }
}

fn describe(found: &LiveDifference<'_>, out: &mut String) {
    let deviation = found.deviation;
    let model = found.model.as_ref();
    let model = model.map_or_else(String::new, |model| format!(", from {model}"));
    let _ = writeln!(
        out,
        "  {}: {}{model}",
        deviation.verdict.as_str(),
        found.difference.path
    );
    let mut row = |name: &str, text: &str| _ = writeln!(out, "    {name:8} {text}");
    if let Some(change) = &deviation.change {
        row("applied", &value(change.desired.as_ref()));
        row("live", &value(change.live.as_ref()));
    }
    if let Some(cause) = &deviation.cause {
        row("because", &cause.replace('\n', " "));
    }
    if let Some(line) = found.difference.left.lines.first() {
        let team = line.team.as_deref().unwrap_or("system");
        let commit = line.commit.iter().flatten().next();
        let commit = commit.map_or_else(String::new, |commit| {
            format!(", {} {} {}", commit.short(), commit.day(), commit.author)
        });
        row(
            "line",
            &format!("{}:{} ({team}{commit})", line.file, line.line),
        );
    }
    row("evidence", &evidence_text(&deviation.evidence));
}
