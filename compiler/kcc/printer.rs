//! [`Printer`]: the only place that writes to stdout and stderr.
//!
//! Data goes to stdout, everything else to stderr. A reader that went away
//! (`kcc render | head`) is no failure: what would follow is not written.

use std::{
    cell::Cell,
    io::{self, Write},
};

use kcc_cue::EngineError;
use kcc_diag::{Diagnostic, Diagnostics, Format, Style, plain, render};

use crate::{
    exit::{self, Exit},
    failure::{Failure, Findings},
    settings::Settings,
    summary,
};

/// Writes what a run has to say.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    color: bool,
    width: usize,
    quiet: bool,
    verbose: u8,
    broken: Cell<bool>,
}

/// What stdout is for in a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// Diagnostics in the formats that machines read.
    Diagnostics,
    /// Other data; then all diagnostics go to stderr.
    Data,
}

impl Printer {
    /// A printer for this run.
    pub fn new(settings: &Settings) -> Self {
        Self {
            format: settings.format,
            color: settings.color,
            width: settings.width,
            quiet: settings.quiet,
            verbose: settings.verbose,
            broken: Cell::new(false),
        }
    }

    /// Writes data to stdout.
    pub fn data(&self, text: &str) {
        self.write(&mut io::stdout().lock(), text);
    }

    /// Writes a line that is no data, unless the user wants quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.stderr(&format!("{}\n", plain(text)));
        }
    }

    /// Writes a line for those who ask for more.
    pub fn detail(&self, text: &str) {
        if self.verbose > 0 {
            self.stderr(&format!("{}\n", plain(text)));
        }
    }

    /// Writes lines that belong to an error, such as the last of a log.
    pub fn evidence(&self, title: &str, lines: &[String]) {
        let mut text = format!("{}\n", plain(title));
        for line in lines {
            text = format!("{text}    {}\n", plain(line));
        }
        self.stderr(&text);
    }

    /// Writes a question, without a line end.
    pub fn question(&self, text: &str) {
        self.stderr(&plain(text));
    }

    /// Writes what was found about the configuration.
    pub fn findings(&self, findings: &Findings, stdout: Stdout) {
        let style = Style {
            color: self.color,
            width: self.width,
            targets: findings.targets.clone(),
            folder: findings.folder.clone(),
        };
        let shown;
        let mut diagnostics = &findings.diagnostics;
        if self.quiet {
            shown = errors(diagnostics);
            diagnostics = &shown;
        }
        let cut;
        if self.format == Format::Text {
            cut = summary::shown(diagnostics);
            diagnostics = &cut;
        }
        let text = render(diagnostics, &findings.files, self.format, &style);
        match (self.format, stdout) {
            (Format::Text, _) | (_, Stdout::Data) => self.stderr(&text),
            (_, Stdout::Diagnostics) => self.data(&text),
        }
    }

    /// Writes why a command failed, and says how the run ends.
    pub fn failure(&self, failure: &Failure, stdout: Stdout) -> Exit {
        match failure {
            Failure::Configuration(findings) => {
                self.findings(findings, stdout);
                self.summary(findings, stdout);
                Exit::Configuration
            }
            Failure::Unavailable(findings) => {
                self.findings(findings, stdout);
                self.summary(findings, stdout);
                Exit::Environment
            }
            Failure::Usage { message, help } => {
                self.error(message, help.as_deref());
                Exit::Usage
            }
            Failure::Environment(error) => {
                let mut diagnostic = Diagnostic::error(error.code, error.chain());
                diagnostic.help.clone_from(&error.help);
                self.findings(&Diagnostics::from(diagnostic).into(), stdout);
                Exit::from_code(error.exit_code())
            }
            Failure::Engine(EngineError::Thread(cause)) => {
                self.error(&format!("cannot start a thread: {cause}"), None);
                Exit::Environment
            }
            Failure::Engine(error @ EngineError::Start(_)) => {
                let help = "each evaluation reserves 4 GiB of address space, most of which it \
                            never uses: raise the limit (`ulimit -v unlimited`)";
                self.error(&error.to_string(), Some(help));
                Exit::Environment
            }
            Failure::Engine(error @ EngineError::Load(_)) => {
                self.error(&error.to_string(), Some("build kcc anew on this machine"));
                Exit::Environment
            }
            Failure::Engine(error) => {
                self.stderr(&exit::bug(&error.to_string()));
                Exit::Bug
            }
            Failure::Io { message, cause } => {
                self.error(&format!("{message}: {cause}"), None);
                Exit::Environment
            }
        }
    }

    /// Says how many errors there are, where that was asked for and there are
    /// several, or where not all of them were shown.
    fn summary(&self, findings: &Findings, stdout: Stdout) {
        let errors = errors(&findings.diagnostics).iter().count();
        let asked = stdout == Stdout::Diagnostics && !self.quiet && errors > 1;
        if self.format == Format::Text && (asked || errors > summary::MOST) {
            self.stderr(&format!("{}\n", plain(&summary::summary(findings))));
        }
    }

    /// Whether something could not be written for another reason than that
    /// nobody reads it.
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
        self.write(&mut io::stderr().lock(), text);
    }

    fn write(&self, to: &mut dyn Write, text: &str) {
        let written = to.write_all(text.as_bytes()).and_then(|()| to.flush());
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe && !self.broken.get() => {
                self.broken.set(true);
                // If stderr is what is broken, nobody can be told.
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
    fn an_engine_that_fails_is_a_bug_and_a_machine_that_refuses_is_not() {
        let cli = Cli::try_parse_from(["kcc", "check"]).unwrap();
        let printer = Printer::new(&Settings::new(&cli.global, Environment::default()));
        let text = || "why".to_owned();
        for (error, exit) in [
            (EngineError::Crashed(text()), Exit::Bug),
            (EngineError::Answer(text()), Exit::Bug),
            (
                EngineError::Protocol {
                    expected: 1,
                    found: 2,
                },
                Exit::Bug,
            ),
            (EngineError::Load(text()), Exit::Environment),
            (EngineError::Start(text()), Exit::Environment),
            (
                EngineError::Thread(io::Error::other("why")),
                Exit::Environment,
            ),
        ] {
            let shown = error.to_string();
            let failure = Failure::Engine(error);
            assert_eq!(
                printer.failure(&failure, Stdout::Diagnostics),
                exit,
                "{shown}"
            );
        }
    }
}
