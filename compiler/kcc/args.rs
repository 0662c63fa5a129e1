//! The arguments that all or several commands share, as clap types. Doc comments
//! of arguments are their help texts.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, ValueHint};
use kcc_cue::Limits;
use kcc_diag::Format;
use kcc_model::{Bytes, Millis, is_label};
use kcc_plan::revision::{RevisionId, Time};

use crate::completion;

/// Options of all commands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Run in DIR
    #[arg(short = 'C', value_name = "DIR", global = true, value_hint = ValueHint::DirPath)]
    pub working_dir: Option<PathBuf>,
    /// Output format of errors and warnings
    #[arg(long, global = true, default_value = "text", value_parser = ["text", "json", "github", "sarif"])]
    pub format: String,
    /// When to colour the output
    #[arg(long, value_name = "WHEN", global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Print only errors and data
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Use verbose output
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Print plain lines instead of progress bars
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Limit the evaluation time per target [default: 30s]
    #[arg(long, value_name = "DURATION", global = true, value_parser = duration, hide_short_help = true)]
    pub eval_timeout: Option<Millis>,
    /// Limit the evaluation memory per target, at most 4Gi [default: 768Mi, and more for large systems]
    #[arg(long, value_name = "SIZE", global = true, value_parser = memory, hide_short_help = true)]
    pub eval_memory: Option<Bytes>,
    /// Evaluate again what the cache has the result of
    #[arg(long, global = true, hide_short_help = true)]
    pub no_cache: bool,
    /// Use this kubeconfig context instead of the target's
    #[arg(long, value_name = "NAME", global = true)]
    pub context: Option<String>,
    /// Use this Kubernetes namespace instead of the target's
    #[arg(long, value_name = "NAME", global = true)]
    pub namespace: Option<String>,
}

/// Parses a duration as fragments write it.
pub fn duration(text: &str) -> Result<Millis, String> {
    Millis::parse(text).map_err(|_| "expected a duration such as `90s` or `5m`".to_owned())
}

/// Parses a size as fragments write it.
pub fn size(text: &str) -> Result<Bytes, String> {
    Bytes::parse(text).map_err(|_| "expected a size such as `512Mi` or `4Gi`".to_owned())
}

/// Parses the memory limit of an evaluation, as fragments write a size.
fn memory(text: &str) -> Result<Bytes, String> {
    let max = Limits::MAX_MEMORY;
    Bytes::parse(text)
        .ok()
        .filter(|size| size.0 > 0 && usize::try_from(size.0).is_ok_and(|size| size <= max))
        .ok_or_else(|| "expected a size such as `512Mi`, at most `4Gi`".to_owned())
}

/// Parses the name of an instance, which becomes part of the names of objects.
pub fn instance(text: &str) -> Result<String, String> {
    if is_label(text) && text.len() <= MAX_INSTANCE_LENGTH {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "expected at most {MAX_INSTANCE_LENGTH} lower-case letters, digits and `-`"
        ))
    }
}

/// The instance that is named after the git worktree.
pub const AUTO: &str = "auto";

/// The maximum length of an instance name; leaves room in the names of objects.
const MAX_INSTANCE_LENGTH: usize = 40;

impl Global {
    /// Returns the limits for the evaluation of one target.
    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            time: self
                .eval_timeout
                .map_or(default.time, |time| Duration::from_millis(time.0)),
            memory: self
                .eval_memory
                .and_then(|size| usize::try_from(size.0).ok()),
        }
    }

    /// Returns the format of diagnostics: text for commands whose own `--format`
    /// has other values (`graph --format dot`).
    pub fn diagnostics_format(&self) -> Format {
        match self.format.as_str() {
            "json" => Format::Json,
            "github" => Format::Github,
            "sarif" => Format::Sarif,
            _ => Format::Text,
        }
    }
}

/// The values of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// Only on a terminal, and not if `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The system to work on.
#[derive(Debug, Clone, Default, Args)]
pub struct System {
    /// Directory of the system, or one inside it [default: the current directory]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Parses a revision: its number, or `@` and a time.
pub fn revision(text: &str) -> Result<RevisionId, String> {
    let expected =
        "expected a number such as `7`, or a time such as `@-2h` or `@2026-11-30T12:00:00Z`";
    let id = match text.strip_prefix('@') {
        Some(time) => time_of(time).map(RevisionId::At),
        None => text.parse().ok().map(RevisionId::Number),
    };
    id.ok_or_else(|| expected.to_owned())
}

/// Parses a time: RFC 3339, a date (its beginning in UTC), or a duration before now.
pub fn time(text: &str) -> Result<Time, String> {
    let expected = "expected a time such as `-2h`, `-3d`, `2026-11-30` or `2026-11-30T12:00:00Z`";
    time_of(text).ok_or_else(|| expected.to_owned())
}

fn time_of(text: &str) -> Option<Time> {
    let Some(ago) = text.strip_prefix('-') else {
        let date = format!("{text}T00:00:00Z");
        let time = text.parse().or_else(|_| date.parse());
        return time.ok().map(Time::Point);
    };
    let millis = match ago.strip_suffix('d') {
        Some(days) => days.parse::<u64>().ok()?.checked_mul(24 * 60 * 60 * 1000)?,
        None => Millis::parse(ago).ok()?.0,
    };
    Some(Time::Ago(Duration::from_millis(millis)))
}

/// The single target to work on, or an instance of it.
#[derive(Debug, Clone, Args)]
pub struct ScopeArgs {
    /// Target, such as `dev` or `prod`
    #[arg(short, long, value_name = "TARGET", required_unless_present = "capsule", default_value = "", hide_default_value = true, add = completion::targets())]
    pub target: String,
    /// Use the copy of the capsule in FILE that `kcc reproduce` made, instead of a target
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["target", "instance"])]
    pub capsule: Option<PathBuf>,
    /// Use an isolated instance of the target, under a name of your choice or `auto`
    #[arg(long, value_name = "NAME", value_parser = instance)]
    pub instance: Option<String>,
}

impl ScopeArgs {
    /// Names a target, or an instance of it.
    pub fn of(target: String, instance: Option<String>) -> Self {
        Self {
            target,
            capsule: None,
            instance,
        }
    }
}

/// The components that an instance shares with its target.
#[derive(Debug, Clone, Default, Args)]
pub struct ShareArgs {
    /// Let the instance use COMPONENT of the target instead of creating its own
    #[arg(long, value_name = "COMPONENT", requires = "instance", add = completion::components())]
    pub share: Vec<String>,
}

/// The treatment of a lock that another command holds.
#[derive(Debug, Clone, Args)]
pub struct LockArgs {
    /// Time to wait while another command changes the target, such as `0s` or `10m`
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    lock_timeout: Millis,
}

impl LockArgs {
    /// Returns the time to wait.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.lock_timeout.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_revisions_and_times() {
        let hours = |hours| RevisionId::At(Time::Ago(Duration::from_hours(hours)));
        assert_eq!(revision("7"), Ok(RevisionId::Number(7)));
        assert_eq!(revision("@-2h"), Ok(hours(2)));
        assert_eq!(revision("@-3d"), Ok(hours(72)));
        let midnight = "2026-11-30T00:00:00Z".parse().unwrap();
        assert_eq!(time("2026-11-30"), Ok(Time::Point(midnight)));
        assert_eq!(time("2026-11-30T01:00:00+01:00"), Ok(Time::Point(midnight)));
        for text in ["", "@", "-1", "HEAD~1", "@yesterday", "@-3w", "@2026-13-01"] {
            assert!(revision(text).is_err(), "{text}");
        }
    }
}
