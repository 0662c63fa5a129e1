//! `kcc diff`: prints the values that two sides declare differently. A side is a target,
//! a revision, another checkout, or what the engine has.

use std::{collections::BTreeMap, fmt::Write, path::PathBuf, sync::Arc};

use clap::Args;
use kcc_diag::Format;
use kcc_lower::Lowered;
use kcc_plan::{
    DriftOptions,
    revision::{Content, RevisionId, RevisionSource},
};
use kcc_tree::Engine;
use serde::Serialize;

use super::{CommandResult, json, rollback::with_recorded};
use crate::{
    args::{self, ScopeArgs, System},
    compiled::Compiled,
    context::Context,
    examined::Examined,
    exit::Exit,
    failure::Failure,
    pipeline::{self, Targets},
    provenance::{Declared, Difference, Side, differences, live_differences},
    runtime,
};

/// Compare targets, revisions, checkouts and what runs
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc diff dev prod\n  kcc diff stage prod --exit-code     exit 1 if there are differences\n  kcc diff 7 9 --target prod          two revisions\n  kcc diff @-2h prod                  since two hours ago\n  kcc diff ../main prod               another checkout\n  kcc diff prod live                  what runs differently\n  kcc diff dev prod --format json | jq '.differences[].path'"
)]
pub struct Diff {
    /// Target, revision number, `@` and a time, directory of another checkout, or `live`
    #[arg(value_name = "A", add = crate::completion::targets())]
    pub left: String,
    /// The same, for the other side
    #[arg(value_name = "B", add = crate::completion::targets())]
    pub right: String,
    /// Target of revisions, of another checkout and of `live` [default: the other side]
    #[arg(short, long, value_name = "TARGET", add = crate::completion::targets())]
    pub target: Option<String>,
    /// Use an isolated instance of the target, under a name of your choice or `auto`
    #[arg(long, value_name = "NAME", value_parser = args::instance)]
    pub instance: Option<String>,
    /// Exit with status 1 if there are differences
    #[arg(long)]
    pub exit_code: bool,
    /// The system to work on.
    #[command(flatten)]
    pub system: System,
}

/// A side as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Target(String),
    Revision(RevisionId),
    Directory(PathBuf),
    Live,
}

/// The JSON output.
#[derive(Debug, Serialize)]
struct Comparison {
    left: Compared,
    right: Compared,
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize)]
struct Compared {
    target: String,
    engine: Engine,
    /// The revision, directory or `live`, if the side is not the target's fragments.
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<String>,
}

impl Compared {
    fn label(&self) -> &str {
        self.side.as_deref().unwrap_or(&self.target)
    }
}

impl Named {
    fn parse(text: &str) -> Result<Self, Failure> {
        let is_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        if text == "live" {
            return Ok(Self::Live);
        }
        if text.starts_with('@') || is_number {
            let invalid = |why| Failure::usage(format!("`{text}` is not a revision"), why);
            return args::revision(text).map(Self::Revision).map_err(invalid);
        }
        if text.contains(['/', '\\']) || text.starts_with('.') {
            return Ok(Self::Directory(text.into()));
        }
        Ok(Self::Target(text.to_owned()))
    }
}

impl Diff {
    /// Prints the differences to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let sides = [Named::parse(&self.left)?, Named::parse(&self.right)?];
        let comparison = match &sides {
            [Named::Live, Named::Live] => {
                return Err(Failure::usage(
                    "nothing to compare `live` with",
                    "name the other side, as in `kcc diff prod live`",
                ));
            }
            [Named::Live, desired] => self.with_live(context, desired)?.reversed(),
            [desired, Named::Live] => self.with_live(context, desired)?,
            [left, right] => self.declared(context, left, right)?,
        };
        context.printer.data(&match context.settings.format {
            Format::Json => json(&comparison),
            _ => text(&comparison),
        });
        if comparison.differences.is_empty() {
            context.printer.note(&format!(
                "no differences between {} and {}",
                self.left, self.right
            ));
        }
        Ok(if self.exit_code && !comparison.differences.is_empty() {
            Exit::Configuration
        } else {
            Exit::Done
        })
    }

    /// Compares what fragments declare, or declared.
    fn declared(
        &self,
        context: &Context,
        left: &Named,
        right: &Named,
    ) -> Result<Comparison, Failure> {
        let targets = [left, right].into_iter().filter_map(|side| match side {
            Named::Target(name) => Some(name.clone()),
            _ => None,
        });
        let targets: Vec<String> = targets.collect();
        let system = match &targets[..] {
            [] => None,
            targets => {
                let dir = self.system.dir.as_deref();
                let targets = Targets::of(targets);
                Some(pipeline::traced(context, dir, &targets, false)?)
            }
        };
        let read = |side: &Named, shown: &str| match (side, &system) {
            (Named::Target(name), Some(system)) => Ok::<_, Failure>(of_target(system, name, None)),
            (Named::Directory(path), _) => {
                let target = self.scope(&targets)?.target;
                let only = Targets::of(std::slice::from_ref(&target));
                let system = pipeline::traced(context, Some(path), &only, false)?;
                Ok(of_target(&system, &target, Some(shown)))
            }
            (Named::Revision(id), _) => {
                let scope = self.scope(&targets)?;
                let (_, revision) = self.revision(context, &scope, *id)?;
                let compared = Compared {
                    target: scope.target,
                    engine: revision.manifest.engine,
                    side: Some(shown.to_owned()),
                };
                Ok((compared, Declared::of_content(&revision.content)))
            }
            _ => unreachable!("targets are evaluated, and `live` is compared elsewhere"),
        };
        let (left, one) = read(left, &self.left)?;
        let (right, other) = read(right, &self.right)?;
        Ok(Comparison {
            differences: differences(&one, &other),
            left,
            right,
        })
    }

    /// Compares desired objects, on the left, with what the engine has.
    fn with_live(&self, context: &Context, desired: &Named) -> Result<Comparison, Failure> {
        let dir = self.system.dir.as_deref();
        let (scope, compiled, mut options, declared) = match desired {
            Named::Revision(id) => {
                let scope = self.scope(&[])?;
                let (compiled, revision) = self.revision(context, &scope, *id)?;
                let mut options = runtime::options(context, &compiled);
                options.recorded = true;
                let revision = Arc::new(revision);
                let compiled = with_recorded(compiled, &mut options, &revision);
                (scope, compiled, options, revision.content.clone())
            }
            other => {
                let (dir, scope) = match other {
                    Named::Directory(path) => (Some(path.as_path()), self.scope(&[])?),
                    Named::Target(name) => (dir, self.scope(std::slice::from_ref(name))?),
                    _ => unreachable!("the caller handles revisions and `live`"),
                };
                let compiled = pipeline::compile_scope(context, dir, &scope)?;
                let options = runtime::options(context, &compiled);
                let declared = compiled.record().content();
                (scope, compiled, options, declared)
            }
        };
        options.prune = kcc_plan::Prune::Owned;
        let differences = live(&compiled, &options, &declared)?;
        let compared = |side: Option<&str>| Compared {
            target: scope.target.clone(),
            engine: compiled.target_model().engine.engine(),
            side: side.map(str::to_owned),
        };
        let is_left = Named::parse(&self.right)? == Named::Live;
        let shown = if is_left { &self.left } else { &self.right };
        let is_target = matches!(desired, Named::Target(_));
        Ok(Comparison {
            left: compared((!is_target).then_some(shown)),
            right: compared(Some("live")),
            differences,
        })
    }

    /// Returns the target of sides that are not targets themselves.
    fn scope(&self, targets: &[String]) -> Result<ScopeArgs, Failure> {
        let missing = || {
            Failure::usage(
                format!(
                    "no target to compare `{}` and `{}` of",
                    self.left, self.right
                ),
                "name it, as in `--target prod`",
            )
        };
        let target = self.target.clone().or_else(|| targets.first().cloned());
        Ok(ScopeArgs::of(
            target.ok_or_else(missing)?,
            self.instance.clone(),
        ))
    }

    fn revision(
        &self,
        context: &Context,
        scope: &ScopeArgs,
        id: RevisionId,
    ) -> Result<(Compiled, kcc_plan::revision::Revision), Failure> {
        let dir = self.system.dir.as_deref();
        let compiled = pipeline::locate_in(context, dir, scope)?;
        let options = runtime::options(context, &compiled);
        let found = runtime::revision(&compiled, &options, id)?;
        Ok((compiled, found.revision))
    }
}

/// Returns where an engine differs from the desired objects of a target.
fn live(
    compiled: &Compiled,
    options: &kcc_plan::Options,
    content: &Content,
) -> Result<Vec<Difference>, Failure> {
    let report = runtime::drift(compiled, options, &DriftOptions::default())?;
    let lowered: &Lowered = &compiled.lowered;
    let objects = lowered.objects();
    let found = live_differences(&report, &objects, content);
    Ok(found.into_iter().map(|found| found.difference).collect())
}

impl Comparison {
    /// Returns the comparison with the sides exchanged.
    fn reversed(self) -> Self {
        let differences = self.differences.into_iter();
        Self {
            left: self.right,
            right: self.left,
            differences: differences
                .map(|difference| Difference {
                    left: difference.right,
                    right: difference.left,
                    ..difference
                })
                .collect(),
        }
    }
}

fn of_target(system: &Examined, target: &str, side: Option<&str>) -> (Compared, Declared) {
    let model = system.model.targets.get(target);
    let compared = Compared {
        target: target.to_owned(),
        engine: model.map_or(Engine::Docker, |model| model.engine.engine()),
        side: side.map(str::to_owned),
    };
    (compared, Declared::of_target(system, target))
}

fn text(comparison: &Comparison) -> String {
    let mut by_team: BTreeMap<&str, Vec<&Difference>> = BTreeMap::new();
    for difference in &comparison.differences {
        let team = difference.team.as_deref().unwrap_or("system");
        by_team.entry(team).or_default().push(difference);
    }
    let [left, right] = [&comparison.left, &comparison.right];
    let mut out = format!(
        "{} ({}), {} ({})\n",
        left.label(),
        left.engine.as_str(),
        right.label(),
        right.engine.as_str()
    );
    let width = left
        .label()
        .chars()
        .count()
        .max(right.label().chars().count());
    for (team, differences) in by_team {
        let _ = writeln!(out, "{team}");
        for Difference {
            path,
            left: one,
            right: other,
            why,
            ..
        } in differences
        {
            let why = why
                .as_ref()
                .map_or_else(String::new, |why| format!(": {why}"));
            let _ = writeln!(out, "  {path}{why}");
            if one.value.is_none() && other.value.is_none() {
                continue;
            }
            for (compared, side) in [(left, one), (right, other)] {
                let label = compared.label();
                let _ = writeln!(out, "    {label:width$}  {}", format_side(side));
            }
        }
    }
    kcc_diag::plain(&out).into_owned()
}

/// Truncates a text to fit on one line.
fn truncate(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Formats a value with the locations of its lines.
fn format_side(side: &Side) -> String {
    let mut shown = match &side.value {
        Some(value) => truncate(&value.to_string()),
        None => "not set".to_owned(),
    };
    for (at, line) in side.lines.iter().enumerate() {
        let _ = write!(
            shown,
            "{} {}:{}:{}",
            if at == 0 { "  at" } else { "," },
            line.file,
            line.line,
            line.column
        );
    }
    shown
}
