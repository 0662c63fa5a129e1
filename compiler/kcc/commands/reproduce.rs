//! `kcc reproduce`: brings what a capsule holds up on a Docker engine.

use std::{collections::BTreeSet, fmt::Write as _, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use kcc_capsule::{Choices, Fault, Fidelity, Mode, Purpose, Sighted, Sighting};
use kcc_diag::Format;
use kcc_model::{Bytes, Millis, Name};
use serde::Serialize;

use super::{CommandResult, apply, capture::Moment, json, plain_lines};
use crate::{
    args::{ScopeArgs, duration, revision, size},
    context::Context,
    copy::{Copy, Images, Judgement},
    exit::Exit,
    failure::Failure,
    progress, runtime,
    summary::counted,
};

/// Bring a captured failure up on a Docker engine
///
/// Runs the components that failed, those that waited for them, and what they need: the
/// same images, commands, variables, files, mounts, limits, health checks and start order,
/// with what was edited by hand. Secrets get random values, volumes are empty, and stubs
/// stand in for what runs outside the system. The copy is an instance of the target;
/// `--capsule` in the place of `--target` lets `status`, `logs`, `exec`, `down` and others
/// work on it. Prints what of it differs from production, beginning with what could hide
/// the failure.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc reproduce shop-prod-7.capsule\n  kcc reproduce shop-prod-7.capsule --check     exit 0 if the failure appears\n  kcc reproduce --from prod                     capture it first\n  kcc logs payments --capsule shop-prod-7.capsule\n  kcc down --capsule shop-prod-7.capsule --volumes"
)]
pub struct Reproduce {
    /// Capsule that `kcc capture` wrote
    #[arg(value_name = "CAPSULE", required_unless_present = "from")]
    pub capsule: Option<PathBuf>,
    /// Capture this target first, or its revision after `@`, to a file of the current
    /// directory
    #[arg(long, value_name = "TARGET[@REVISION]", conflicts_with = "capsule")]
    pub from: Option<String>,
    /// Capture edited variables, commands and arguments too, unless they are or look like
    /// secrets
    #[arg(long, requires = "from")]
    pub edited_values: bool,
    /// The parts of it.
    #[command(flatten)]
    pub parts: Parts,
    /// Only print how the copy would differ from production
    #[arg(long, conflicts_with = "check")]
    pub report: bool,
    /// Exit with status 1 if the failure does not appear
    #[arg(long)]
    pub check: bool,
    /// Time limit for the failure to appear, or for everything to become ready
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "120s")]
    pub timeout: Millis,
}

/// The parts of a capsule to reproduce.
#[derive(Debug, Clone, Args)]
pub struct Parts {
    /// Reproduce all components [default: those that failed, with what they need]
    #[arg(long, conflicts_with = "only")]
    pub all: bool,
    /// Reproduce COMPONENT with what it needs; may be repeated
    #[arg(long, value_name = "COMPONENT")]
    pub only: Vec<Name>,
    /// Let a stub stand in for COMPONENT; may be repeated
    #[arg(long, value_name = "COMPONENT")]
    pub without: Vec<Name>,
    /// Limit the memory of all containers together
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "4Gi")]
    pub memory: Bytes,
    /// Order of events to repeat
    #[arg(long, value_name = "MODE", value_enum, default_value_t = ModeArg::Pinned)]
    pub mode: ModeArg,
    /// Take the faults of `--mode faults` from a number instead of the capsule
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Run images of the right names, whatever their digests are
    #[arg(long)]
    pub any_image: bool,
    /// Image with `kcc` for Linux in its path, for stubs [default: made of this program]
    #[arg(long, value_name = "IMAGE")]
    pub stub_image: Option<String>,
}

/// The values of `--mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// Images, names and the start order of needs
    Pinned,
    /// Moreover one component after the other, in the recorded order
    Ordered,
    /// Moreover the recorded faults, or those of `--seed`
    Faults,
}

impl Parts {
    /// Returns the choices about a copy and its images.
    pub(super) fn choices(&self, purpose: Purpose) -> (Choices, Images) {
        let choices = Choices {
            all: self.all,
            only: self.only.iter().cloned().collect(),
            without: self.without.iter().cloned().collect(),
            memory: Some(self.memory),
            purpose,
            mode: match (self.mode, self.seed) {
                (ModeArg::Pinned, None) => Mode::Pinned,
                (ModeArg::Ordered, None) => Mode::Ordered,
                // A seed is of use with faults alone.
                (_, seed) => Mode::Faults(seed),
            },
            ..Choices::default()
        };
        let images = Images {
            any: self.any_image,
            stub: self.stub_image.clone(),
        };
        (choices, images)
    }
}

/// The JSON output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    capsule: &'a str,
    instance: Option<&'a Name>,
    components: &'a BTreeSet<Name>,
    stubs: &'a BTreeSet<Name>,
    order: &'a [Name],
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    faults: &'a [Fault],
    fidelity: &'a Fidelity,
    #[serde(skip_serializing_if = "Option::is_none")]
    appeared: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    symptoms: Vec<&'a Sighting>,
}

impl Reproduce {
    /// Brings the copy up, and prints how it differs from production and what it shows.
    pub fn run(self, context: &Context) -> CommandResult {
        let path = match (self.capsule, &self.from) {
            (Some(path), _) => path,
            (None, Some(from)) => capture(context, from, self.edited_values)?,
            (None, None) => return Err(Failure::usage("no capsule", "name one")),
        };
        let shown = path.display().to_string();
        let full = context.settings.working_dir.join(&path);
        let capsule = runtime::read_capsule(&full, &shown)?;
        let (choices, images) = self.parts.choices(Purpose::Look);
        let mut copy = Copy::prepare(context, capsule, choices, images)?;
        if self.report {
            print(context, &shown, &copy, None);
            return Ok(Exit::Done);
        }
        copy.pin()?;
        let reporter = progress::reporter(context);
        let time = Duration::from_millis(self.timeout.0);
        let (report, judgement) = copy.bring_up(reporter.as_ref(), time)?;
        print(context, &shown, &copy, Some(&judgement));
        context.printer.note(&format!(
            "look at the copy with `kcc status --capsule {shown}`, remove it with \
             `kcc down --capsule {shown} --volumes`"
        ));
        match judgement.appeared {
            Some(true) => Ok(Exit::Done),
            // There was a failure to wait for, and it did not come.
            Some(false) if self.check => Ok(Exit::Configuration),
            Some(false) => {
                apply::summarise(context, &report, "reproduced", "from");
                Ok(Exit::Incomplete)
            }
            None if self.check => Ok(Exit::Incomplete),
            None => Ok(Exit::from_code(report.exit_code())),
        }
    }
}

/// Captures `TARGET` or `TARGET@REVISION` to a file, and returns its path.
fn capture(context: &Context, from: &str, edited_values: bool) -> Result<PathBuf, Failure> {
    let (target, id) = match from.split_once('@') {
        None => (from, None),
        Some((target, id)) => {
            let number = revision(id).or_else(|_| revision(&format!("@{id}")));
            let number = number.map_err(|expected| {
                Failure::usage(format!("`{id}` is not a revision"), expected)
            })?;
            (target, Some(number))
        }
    };
    let scope = ScopeArgs::of(target.to_owned(), None);
    let moment = Moment::capture(context, &scope, id, edited_values)?;
    let path = moment.default_path();
    moment.write(context, &path)?;
    context.printer.note(&format!(
        "captured {} in {}",
        moment.capture.scope,
        path.display()
    ));
    Ok(path)
}

fn print(context: &Context, file: &str, copy: &Copy, judgement: Option<&Judgement>) {
    let reproduction = &copy.reproduction;
    context.printer.data(&match context.settings.format {
        Format::Json => json(Document {
            capsule: file,
            instance: reproduction.lowered.desired.instance.as_ref(),
            components: &reproduction.copied,
            stubs: &reproduction.stubs,
            order: &reproduction.order,
            faults: &reproduction.faults,
            fidelity: &reproduction.fidelity,
            appeared: judgement.and_then(|judgement| judgement.appeared),
            symptoms: judgement.iter().flat_map(|one| &one.sightings).collect(),
        }),
        _ => text(copy, judgement),
    });
}

fn text(copy: &Copy, judgement: Option<&Judgement>) -> String {
    let reproduction = &copy.reproduction;
    let capture = &copy.capsule.capture;
    let instance = reproduction.lowered.desired.instance.as_deref();
    let stubs = match reproduction.stubs.len() {
        0 => String::new(),
        number => format!(", {}", counted(number, "stub")),
    };
    let mut text = format!(
        "revision {} of {} as {}: {}{stubs}\n",
        capture.revision,
        capture.scope,
        instance.unwrap_or_default(),
        counted(reproduction.copied.len(), "component"),
    );
    for line in reproduction.fidelity.to_text().lines() {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(judgement) = judgement {
        text += &shown(judgement);
    }
    plain_lines(&text)
}

/// Describes the judgement about a copy.
pub(super) fn shown(judgement: &Judgement) -> String {
    let mut text = String::new();
    for one in &judgement.sightings {
        let verdict = match one.verdict {
            Sighted::Present => "appeared",
            Sighted::Gone => "did not appear",
            Sighted::Held => "not judged",
            Sighted::Impossible => "cannot appear on Docker",
            Sighted::LeftOut => "not reproduced",
        };
        let _ = writeln!(text, "`{}`: {verdict}", one.component);
        let _ = writeln!(text, "  production: {}", one.production);
        let _ = writeln!(text, "  copy: {}", one.copy);
    }
    let after = judgement.after.as_secs();
    let _ = match judgement.appeared {
        Some(true) => writeln!(text, "the failure appeared within {after} s"),
        Some(false) => writeln!(text, "the failure did not appear within {after} s"),
        None => writeln!(text, "the capsule has no failure that a copy can show"),
    };
    text
}
