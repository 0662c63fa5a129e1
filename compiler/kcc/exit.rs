//! [`Exit`]: the exit codes, and what becomes of a panic.

use std::{
    io::Write,
    panic::PanicHookInfo,
    process::{self, ExitCode},
};

/// How a run of kcc ends. The numbers are an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The configuration has errors, or `--exit-code` and there are differences.
    Configuration = 1,
    /// The command line was not understood.
    Usage = 2,
    /// The environment failed: no daemon, no cluster, a lock held, a file unreadable.
    Environment = 3,
    /// An apply is incomplete: run it again.
    Incomplete = 4,
    /// A bug in kcc.
    Bug = 70,
}

impl Exit {
    /// This exit, unless it is [`Exit::Done`]: then the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Done { other } else { self }
    }

    /// The exit of the number that a report gives.
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
        Self::from(exit as u8)
    }
}

/// From now on a panic in any thread says that it is a bug, and ends the
/// process with [`Exit::Bug`].
pub fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        // Nothing can be done about a stderr that is gone.
        let _ = std::io::stderr().write_all(panic(info).as_bytes());
        process::exit(i32::from(Exit::Bug as u8));
    }));
}

fn panic(info: &PanicHookInfo<'_>) -> String {
    let what = info
        .payload_as_str()
        .unwrap_or("it stopped without a reason");
    let place = info
        .location()
        .map(|at| format!(" ({}:{})", at.file(), at.line()));
    bug(&format!("{what}{}", place.unwrap_or_default()))
}

/// What a bug is said with, and where to report it.
pub fn bug(what: &str) -> String {
    format!(
        "error: this is a bug in kcc {}: {}\n  \
         help: please report it with the command and, if you may, the fragments: {}/issues\n",
        env!("CARGO_PKG_VERSION"),
        kcc_diag::plain(what),
        env!("CARGO_PKG_REPOSITORY"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_exits_are_one_to_one() {
        for exit in [
            Exit::Done,
            Exit::Configuration,
            Exit::Usage,
            Exit::Environment,
            Exit::Incomplete,
            Exit::Bug,
        ] {
            assert_eq!(Exit::from_code(exit as u8), exit);
        }
        assert_eq!(Exit::from_code(101), Exit::Bug);
    }
}
