//! [`Settings`]: the behaviour of a run, resolved from global flags, environment
//! variables and the terminal. Nothing else in the command line reads the latter
//! two, so that tests can pass an [`Environment`] of their own.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    path::{Path, PathBuf},
};

use kcc_cue::Limits;
use kcc_diag::Format;

use crate::args::{Color, Global};

/// The environment of the process.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The environment variables that are valid UTF-8.
    pub variables: BTreeMap<String, String>,
    /// The current directory.
    pub current_dir: PathBuf,
    /// True if stderr is a terminal.
    pub stderr_is_terminal: bool,
    /// True if stdin and stderr are terminals, so that questions can be answered.
    pub is_interactive: bool,
    /// True if stdin and stdout are terminals, so that a program may have one.
    pub has_terminal: bool,
    /// The width of the terminal in columns.
    pub width: Option<usize>,
}

impl Environment {
    /// Captures the environment of this process.
    pub fn of_process() -> Self {
        let stderr_is_terminal = std::io::stderr().is_terminal();
        Self {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            current_dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            stderr_is_terminal,
            is_interactive: stderr_is_terminal && std::io::stdin().is_terminal(),
            has_terminal: std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
            width: terminal_size::terminal_size_of(std::io::stderr())
                .map(|(width, _)| usize::from(width.0)),
        }
    }

    fn is_set(&self, name: &str) -> bool {
        self.set(name).is_some()
    }

    /// Returns the value of a variable that is set and not empty.
    fn set(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns the directory that keeps results between runs: below `$KCC_CACHE`, or else
    /// below the user's cache directory.
    fn cache(&self) -> Option<PathBuf> {
        let base = if let Some(own) = self.set("KCC_CACHE") {
            PathBuf::from(own)
        } else if let Some(caches) = self.set("XDG_CACHE_HOME") {
            Path::new(caches).join("kcc")
        } else {
            let home = Path::new(self.set("HOME").or_else(|| self.set("USERPROFILE"))?);
            home.join(".cache/kcc")
        };
        base.is_absolute().then(|| base.join("results"))
    }
}

/// The resolved settings of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The working directory: `-C`, or the current directory.
    pub working_dir: PathBuf,
    /// The argument of `-C`, as given.
    pub named_dir: PathBuf,
    /// The format of diagnostics.
    pub format: Format,
    /// True if text on stderr is coloured.
    pub color: bool,
    /// The column at which text is wrapped.
    pub width: usize,
    /// Prints only errors and data.
    pub quiet: bool,
    /// The number of times that `-v` was given.
    pub verbose: u8,
    /// True if progress is shown as bars.
    pub bars: bool,
    /// The limits for the evaluation of one target.
    pub limits: Limits,
    /// The directory that keeps results, if results may be kept.
    pub cache: Option<PathBuf>,
    /// The kubeconfig context that overrides the target's.
    pub context: Option<String>,
    /// The namespace that overrides the target's.
    pub namespace: Option<String>,
    /// The environment of the process.
    pub environment: Environment,
}

/// The maximum text width; wider text is hard to read.
const MAX_WIDTH: usize = 120;

impl Settings {
    /// Resolves flags and environment: a flag overrides a variable, and a variable
    /// the capabilities of the terminal.
    pub fn new(global: &Global, environment: Environment) -> Self {
        let terminal = environment.stderr_is_terminal
            && environment
                .variables
                .get("TERM")
                .is_none_or(|term| term != "dumb");
        let named_dir = global.working_dir.clone().unwrap_or_default();
        Self {
            working_dir: environment.current_dir.join(&named_dir),
            named_dir,
            format: global.diagnostics_format(),
            color: match global.color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => terminal && !environment.is_set("NO_COLOR"),
            },
            width: environment.width.map_or(100, |width| width.min(MAX_WIDTH)),
            quiet: global.quiet,
            verbose: global.verbose,
            bars: terminal && !global.no_progress && !global.quiet,
            limits: global.limits(),
            cache: environment.cache().filter(|_| !global.no_cache),
            context: global.context.clone(),
            namespace: global.namespace.clone(),
            environment,
        }
    }

    /// Returns the directory that an argument names, relative to the current one.
    pub fn dir_named(&self, argument: Option<&Path>) -> PathBuf {
        argument.map_or_else(|| self.named_dir.clone(), |dir| self.named_dir.join(dir))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn color(args: &[&str], variables: &[(&str, &str)], terminal: bool) -> bool {
        let args = ["kcc", "check"].iter().chain(args);
        let environment = Environment {
            variables: variables
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
            stderr_is_terminal: terminal,
            ..Environment::default()
        };
        Settings::new(&Cli::try_parse_from(args).unwrap().global, environment).color
    }

    fn cache(args: &[&str], variables: &[(&str, &str)]) -> Option<PathBuf> {
        let args = ["kcc", "check"].iter().chain(args);
        let environment = Environment {
            variables: variables
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
            ..Environment::default()
        };
        Settings::new(&Cli::try_parse_from(args).unwrap().global, environment).cache
    }

    #[test]
    fn the_environment_says_where_results_are_stored() {
        let all = [
            ("KCC_CACHE", "/a"),
            ("XDG_CACHE_HOME", "/b"),
            ("HOME", "/c"),
        ];
        let some = |path: &str| Some(PathBuf::from(path));
        assert_eq!(cache(&[], &all), some("/a/results"));
        assert_eq!(cache(&[], &all[1..]), some("/b/kcc/results"));
        assert_eq!(cache(&[], &all[2..]), some("/c/.cache/kcc/results"));
        assert_eq!(cache(&[], &[]), None);
        assert_eq!(cache(&[], &[("KCC_CACHE", ""), ("HOME", "c")]), None);
        assert_eq!(cache(&["--no-cache"], &all), None);
    }

    #[test]
    fn a_flag_overrides_a_variable_and_a_variable_the_terminal() {
        assert!(color(&[], &[], true));
        assert!(!color(&[], &[], false));
        assert!(!color(&[], &[("NO_COLOR", "1")], true));
        assert!(color(&[], &[("NO_COLOR", "")], true));
        assert!(!color(&[], &[("TERM", "dumb")], true));
        assert!(color(&["--color", "always"], &[("NO_COLOR", "1")], false));
        assert!(!color(&["--color=never"], &[], true));
    }
}
