//! [`Printer`]: the only writer to stdout and stderr, progress aside.
//!
//! Data goes to stdout, everything else to stderr. A closed pipe
//! (`kcc render | head`) is not an error: the rest of the output is dropped.

use std::{
    cell::Cell,
    io::{self, Write},
};

use kcc_cue::EvaluatorError;
use kcc_diag::{Diagnostic, Diagnostics, Format, Style, plain, render};
use kcc_plan::ExecOutput;

use crate::{
    exit::{self, Exit},
    failure::{Diagnosis, Failure},
    settings::Settings,
    summary,
};

/// Writes the output of a run.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    color: bool,
    width: usize,
    quiet: bool,
    verbose: u8,
    broken: Cell<bool>,
    closed: Cell<bool>,
}

/// The content of a command's stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// Diagnostics, in the machine-readable formats.
    Diagnostics,
    /// Other data; diagnostics go to stderr.
    Data,
}

impl Printer {
    /// Creates the printer of a run.
    pub fn new(settings: &Settings) -> Self {
        Self {
            format: settings.format,
            color: settings.color,
            width: settings.width,
            quiet: settings.quiet,
            verbose: settings.verbose,
            broken: Cell::new(false),
            closed: Cell::new(false),
        }
    }

    /// Writes data to stdout.
    pub fn data(&self, text: &str) {
        self.write(&mut io::stdout().lock(), text.as_bytes());
    }

    /// Writes what another program wrote, as it is.
    pub fn pass(&self, output: &ExecOutput) {
        match output {
            ExecOutput::Out(bytes) => self.write(&mut io::stdout().lock(), bytes),
            ExecOutput::Err(bytes) => self.write(&mut io::stderr().lock(), bytes),
        }
    }

    /// Writes a line to stderr, unless `--quiet` was given.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.stderr(&format!("{}\n", plain(text)));
        }
    }

    /// Writes a line to stderr if `--verbose` was given.
    pub fn detail(&self, text: &str) {
        if self.verbose > 0 {
            self.stderr(&format!("{}\n", plain(text)));
        }
    }

    /// Writes lines that support an error, such as the end of a log.
    pub fn evidence(&self, title: &str, lines: &[String]) {
        let mut text = format!("{}\n", plain(title));
        for line in lines {
            text = format!("{text}    {}\n", plain(line));
        }
        self.stderr(&text);
    }

    /// Writes a question without a newline.
    pub fn question(&self, text: &str) {
        self.stderr(&plain(text));
    }

    /// Writes diagnostics, to stdout or stderr depending on the format.
    pub fn diagnosis(&self, diagnosis: &Diagnosis, stdout: Stdout) {
        let style = Style {
            color: self.color,
            width: self.width,
            targets: diagnosis.targets.clone(),
            root: diagnosis.root.clone(),
        };
        let shown;
        let mut diagnostics = &diagnosis.diagnostics;
        if self.quiet {
            shown = errors(diagnostics);
            diagnostics = &shown;
        }
        let cut;
        if self.format == Format::Text {
            cut = summary::shown(diagnostics);
            diagnostics = &cut;
        }
        let text = render(diagnostics, &diagnosis.files, self.format, &style);
        match (self.format, stdout) {
            (Format::Text, _) | (_, Stdout::Data) => self.stderr(&text),
            (_, Stdout::Diagnostics) => self.data(&text),
        }
    }

    /// Writes the reason of a failure and returns the exit code.
    pub fn failure(&self, failure: &Failure, stdout: Stdout) -> Exit {
        match failure {
            Failure::Configuration(diagnosis) => {
                self.diagnosis(diagnosis, stdout);
                self.summary(diagnosis, stdout);
                Exit::Configuration
            }
            Failure::Unavailable(diagnosis) => {
                self.diagnosis(diagnosis, stdout);
                self.summary(diagnosis, stdout);
                Exit::Environment
            }
            Failure::Usage { message, help } => {
                self.error(message, help.as_deref());
                Exit::Usage
            }
            Failure::Environment(error) => {
                let mut diagnostic = Diagnostic::error(error.code, error.chain());
                diagnostic.help.clone_from(&error.help);
                self.diagnosis(&Diagnostics::from(diagnostic).into(), stdout);
                Exit::from_code(error.exit_code())
            }
            Failure::Evaluator(EvaluatorError::Thread(cause)) => {
                self.error(&format!("cannot start a thread: {cause}"), None);
                Exit::Environment
            }
            Failure::Evaluator(error @ EvaluatorError::Start(_)) => {
                let help = "raise the limit of address space (`ulimit -v unlimited`): each \
                            evaluation reserves 4 GiB, most of which it never uses";
                self.error(&error.to_string(), Some(help));
                Exit::Environment
            }
            Failure::Evaluator(error @ EvaluatorError::Load(_)) => {
                self.error(&error.to_string(), Some("rebuild kcc on this machine"));
                Exit::Environment
            }
            Failure::Evaluator(error) => {
                self.stderr(&exit::bug(&error.to_string()));
                Exit::Bug
            }
            Failure::Io { message, cause } => {
                self.error(&format!("{message}: {cause}"), None);
                Exit::Environment
            }
        }
    }

    /// Writes the number of errors if the command reports diagnostics and there are
    /// several, or if not all were shown.
    fn summary(&self, diagnosis: &Diagnosis, stdout: Stdout) {
        let errors = errors(&diagnosis.diagnostics).iter().count();
        let reported = stdout == Stdout::Diagnostics && !self.quiet && errors > 1;
        if self.format == Format::Text && (reported || errors > summary::MAX_ERRORS) {
            self.stderr(&format!("{}\n", plain(&summary::summary(diagnosis))));
        }
    }

    /// Returns true if the reader of the output has gone.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Returns true if writing failed for another reason than a closed pipe.
    pub fn is_broken(&self) -> bool {
        self.broken.get()
    }

    fn error(&self, message: &str, help: Option<&str>) {
        let mut text = format!("error: {}\n", plain(message));
        if let Some(help) = help {
            text = format!("{text}  help: {}\n", plain(help));
        }
        self.stderr(&text);
    }

    fn stderr(&self, text: &str) {
        self.write(&mut io::stderr().lock(), text.as_bytes());
    }

    fn write(&self, to: &mut dyn Write, bytes: &[u8]) {
        let written = to.write_all(bytes).and_then(|()| to.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed.set(true),
            Err(error) if !self.broken.get() => {
                self.broken.set(true);
                // If stderr is the broken one, there is no other place to report it.
                let _ = writeln!(io::stderr(), "error: cannot write the output: {error}");
            }
            _ => {}
        }
    }
}

fn errors(diagnostics: &Diagnostics) -> Diagnostics {
    let severe = |diagnostic: &&Diagnostic| diagnostic.severity == kcc_diag::Severity::Error;
    diagnostics.iter().filter(severe).cloned().collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{cli::Cli, settings::Environment};

    #[test]
    fn evaluator_failures_are_bugs_unless_the_machine_caused_them() {
        let cli = Cli::try_parse_from(["kcc", "check"]).unwrap();
        let printer = Printer::new(&Settings::new(&cli.global, Environment::default()));
        let text = || "why".to_owned();
        for (error, exit) in [
            (EvaluatorError::Crashed(text()), Exit::Bug),
            (EvaluatorError::Answer(text()), Exit::Bug),
            (
                EvaluatorError::Protocol {
                    expected: 1,
                    found: 2,
                },
                Exit::Bug,
            ),
            (EvaluatorError::Load(text()), Exit::Environment),
            (EvaluatorError::Start(text()), Exit::Environment),
            (
                EvaluatorError::Thread(io::Error::other("why")),
                Exit::Environment,
            ),
        ] {
            let shown = error.to_string();
            let failure = Failure::Evaluator(error);
            assert_eq!(
                printer.failure(&failure, Stdout::Diagnostics),
                exit,
                "{shown}"
            );
        }
    }
}
