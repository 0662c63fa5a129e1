//! [`Settings`]: what the global flags, the environment and the terminal come
//! to. The only place of the command line that looks at the last two.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    path::{Path, PathBuf},
};

use kcc_cue::Limits;
use kcc_diag::Format;

use crate::cli::{Color, Global};

/// What the process was started with and in.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The variables that are text.
    pub variables: BTreeMap<String, String>,
    /// The current folder.
    pub folder: PathBuf,
    /// Whether stderr is a terminal.
    pub stderr_is_terminal: bool,
    /// Whether both stdin and stderr are, so that somebody can be asked.
    pub can_ask: bool,
    /// Columns of the terminal.
    pub width: Option<usize>,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        let stderr_is_terminal = std::io::stderr().is_terminal();
        Self {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            stderr_is_terminal,
            can_ask: stderr_is_terminal && std::io::stdin().is_terminal(),
            width: terminal_size::terminal_size_of(std::io::stderr())
                .map(|(width, _)| usize::from(width.0)),
        }
    }

    fn is_set(&self, name: &str) -> bool {
        self.variables
            .get(name)
            .is_some_and(|value| !value.is_empty())
    }
}

/// How this run behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder that commands work in: `-C`, or the current one.
    pub folder: PathBuf,
    /// What `-C` was given.
    pub named_folder: PathBuf,
    /// The format of diagnostics.
    pub format: Format,
    /// Whether text on stderr is coloured.
    pub color: bool,
    /// Columns that text is wrapped at.
    pub width: usize,
    /// Only errors and data.
    pub quiet: bool,
    /// Say more, the more often.
    pub verbose: u8,
    /// Whether bars may move.
    pub bars: bool,
    /// What the evaluation of one target may use.
    pub limits: Limits,
    /// The kubeconfig context, instead of the target's.
    pub context: Option<String>,
    /// The namespace, instead of the target's.
    pub namespace: Option<String>,
    /// What the process was started with and in.
    pub environment: Environment,
}

/// Wider text is hard to read.
const WIDEST: usize = 120;

impl Settings {
    /// Resolves flags and environment: a flag wins over a variable, that over
    /// what the terminal can do.
    pub fn new(global: &Global, environment: Environment) -> Self {
        let terminal = environment.stderr_is_terminal
            && environment
                .variables
                .get("TERM")
                .is_none_or(|term| term != "dumb");
        let named_folder = global.folder.clone().unwrap_or_default();
        Self {
            folder: environment.folder.join(&named_folder),
            named_folder,
            format: global.diagnostics_format(),
            color: match global.color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => terminal && !environment.is_set("NO_COLOR"),
            },
            width: environment.width.map_or(100, |width| width.min(WIDEST)),
            quiet: global.quiet,
            verbose: global.verbose,
            bars: terminal && !global.no_progress && !global.quiet,
            limits: global.limits(),
            context: global.context.clone(),
            namespace: global.namespace.clone(),
            environment,
        }
    }

    /// A folder that an argument names, as the user would find it.
    pub fn folder_named(&self, argument: Option<&Path>) -> PathBuf {
        argument.map_or_else(
            || self.named_folder.clone(),
            |dir| self.named_folder.join(dir),
        )
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

    #[test]
    fn a_flag_wins_over_a_variable_and_that_over_the_terminal() {
        assert!(color(&[], &[], true));
        assert!(!color(&[], &[], false));
        assert!(!color(&[], &[("NO_COLOR", "1")], true));
        assert!(color(&[], &[("NO_COLOR", "")], true));
        assert!(!color(&[], &[("TERM", "dumb")], true));
        assert!(color(&["--color", "always"], &[("NO_COLOR", "1")], false));
        assert!(!color(&["--color=never"], &[], true));
    }
}
