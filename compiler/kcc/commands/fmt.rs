//! `kcc fmt`: formats fragments as `cue fmt` does.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use kcc_cue::{Formatted, Fragment};

use super::CommandResult;
use crate::{
    context::Context,
    evaluation,
    exit::Exit,
    failure::{Diagnosis, Failure},
    load::{self, PathError},
    printer::Stdout,
};

/// Format fragments as `cue fmt` does
///
/// A file with a syntax error is reported and stays as it is; all others are formatted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc fmt\n  kcc fmt teams/storefront services/web.cue\n  kcc fmt --check           list what is not formatted, and exit 1\n  kcc fmt - < web.cue       format stdin"
)]
pub struct Fmt {
    /// Files, and directories to format the CUE files of; `-` is stdin [default: the
    /// current directory]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Change nothing; list the files that are not formatted and exit with status 1
    #[arg(long)]
    pub check: bool,
}

/// The name of stdin.
const STDIN: &str = "-";

impl Fmt {
    /// Formats the files.
    pub fn run(self, context: &Context) -> CommandResult {
        if self.paths.iter().any(|path| path == Path::new(STDIN)) {
            return self.stdin(context);
        }
        let here = &context.settings.working_dir;
        let default = [PathBuf::from(".")];
        let paths = if self.paths.is_empty() {
            &default[..]
        } else {
            &self.paths
        };
        let (files, mut errors) = load::named(here, paths);
        let sources: Vec<_> = files
            .iter()
            .map(|file| Fragment {
                name: &file.shown,
                text: &file.text,
            })
            .collect();
        let formatted = format(context, &sources)?;
        let mut exit = Exit::Done;
        for (file, text) in files.iter().zip(&formatted.texts) {
            let Some(text) = text.as_ref().filter(|text| **text != file.text) else {
                continue;
            };
            if self.check {
                context.printer.data(&format!("{}\n", file.shown));
                exit = Exit::Configuration;
            } else {
                match file.replace(text) {
                    Ok(()) => context.printer.note(&format!("formatted {}", file.shown)),
                    Err(error) => errors.push(error),
                }
            }
        }
        exit = exit.or(report(context, formatted));
        let verb = "read or write";
        for PathError { shown, error } in errors {
            let failure = Failure::io(format!("cannot {verb} `{shown}`"), error);
            exit = context.printer.failure(&failure, Stdout::Data);
        }
        Ok(exit)
    }

    /// Formats stdin to stdout.
    fn stdin(self, context: &Context) -> CommandResult {
        if self.paths.len() > 1 {
            return Err(Failure::usage(
                "`-` cannot be combined with other paths",
                "format stdin and files in two commands",
            ));
        }
        let mut text = String::new();
        io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Failure::io("cannot read stdin", error))?;
        let source = Fragment {
            name: STDIN,
            text: &text,
        };
        let mut formatted = format(context, &[source])?;
        let result = formatted.texts.pop().flatten();
        let mut exit = report(context, formatted);
        if let Some(result) = result {
            if !self.check {
                context.printer.data(&result);
            } else if result != text {
                context.printer.data(&format!("{STDIN}\n"));
                exit = exit.or(Exit::Configuration);
            }
        }
        Ok(exit)
    }
}

fn format(context: &Context, sources: &[Fragment<'_>]) -> Result<Formatted, Failure> {
    Ok(kcc_cue::format(
        &evaluation::evaluator(context.settings.cache.as_deref()),
        sources,
        context.settings.limits,
    )?)
}

/// Prints the syntax errors.
fn report(context: &Context, formatted: Formatted) -> Exit {
    if !formatted.found.has_errors() {
        return Exit::Done;
    }
    let diagnosis = Diagnosis {
        diagnostics: formatted.found,
        files: Arc::new(formatted.files),
        ..Diagnosis::default()
    };
    context
        .printer
        .failure(&Failure::Configuration(diagnosis), Stdout::Data)
}
