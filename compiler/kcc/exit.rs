//! [`Exit`]: the exit codes, and the report of a panic as a bug.

use std::{
    io::Write,
    panic::PanicHookInfo,
    process::{self, ExitCode},
};

/// The exit code of a run. The numbers are a public interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Success.
    Done,
    /// The configuration has errors, or `--exit-code` was given and there are differences.
    Configuration,
    /// The command line is invalid.
    Usage,
    /// The environment failed: daemon or cluster unreachable, lock held, file unreadable.
    Environment,
    /// An apply is incomplete and can be run again, or components are not ready in time.
    Incomplete,
    /// A bug in kcc.
    Bug,
    /// The exit code of a command that kcc ran in a container.
    Command(u8),
}

/// The exit code of a command that Ctrl-C ended, as shells report it.
pub const INTERRUPTED: u8 = 130;

impl Exit {
    /// Returns `self`, or `other` if `self` is [`Exit::Done`].
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Done { other } else { self }
    }

    /// Returns the number that the process exits with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Configuration => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Incomplete => 4,
            Self::Bug => 70,
            Self::Command(code) => code,
        }
    }

    /// Returns the exit for the code in a report of an engine.
    pub fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Done,
            1 => Self::Configuration,
            2 => Self::Usage,
            3 => Self::Environment,
            4 => Self::Incomplete,
            _ => Self::Bug,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Installs a panic hook that reports a panic in any thread as a bug and ends the
/// process with [`Exit::Bug`].
pub fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        crate::terminal::leave_raw_mode();
        // If stderr is closed, there is no other place to report it.
        let _ = std::io::stderr().write_all(panic(info).as_bytes());
        process::exit(i32::from(Exit::Bug.code()));
    }));
}

fn panic(info: &PanicHookInfo<'_>) -> String {
    let message = info
        .payload_as_str()
        .unwrap_or("panicked without a message");
    let location = info
        .location()
        .map(|at| format!(" ({}:{})", at.file(), at.line()));
    bug(&format!("{message}{}", location.unwrap_or_default()))
}

/// Formats the message for a bug in kcc, with the address to report it to.
pub fn bug(message: &str) -> String {
    format!(
        "error: bug in kcc {}: {}\n  \
         help: report it, with the command and, if possible, the fragments: {}/issues\n",
        env!("CARGO_PKG_VERSION"),
        kcc_diag::plain(message),
        env!("CARGO_PKG_REPOSITORY"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_round_trip() {
        for exit in [
            Exit::Done,
            Exit::Configuration,
            Exit::Usage,
            Exit::Environment,
            Exit::Incomplete,
            Exit::Bug,
        ] {
            assert_eq!(Exit::from_code(exit.code()), exit);
        }
        assert_eq!(Exit::from_code(101), Exit::Bug);
    }
}
