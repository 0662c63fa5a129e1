//! Runs the real binary.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Returns the path of the binary that Cargo built for this test.
pub fn binary() -> PathBuf {
    let path = env::var_os("CARGO_BIN_EXE_kcc");
    path.expect("`cargo test` names the binary").into()
}

/// Builds a command of kcc that runs in a directory, as [`isolated`] ones do.
pub fn kcc(folder: &Path) -> Command {
    isolated(binary(), folder)
}

/// Builds a command that runs in a directory. It sees none of the environment but the
/// system's programs, and has no home.
pub fn isolated(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null());
    command
}

/// The result of a command.
#[derive(Debug)]
pub struct CommandOutput {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// The text on stdout.
    pub out: String,
    /// The text on stderr.
    pub err: String,
}

impl CommandOutput {
    /// Runs a command to completion. Its output must be text.
    pub fn of(command: &mut Command) -> Self {
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts that stderr contains a text, whatever its line breaks.
    #[track_caller]
    pub fn assert_stderr_contains(&self, text: &str) {
        let words = self.err.split_whitespace().filter(|word| *word != "│");
        let stderr = words.collect::<Vec<_>>().join(" ");
        assert!(stderr.contains(text), "`{text}`: {}", self.err);
    }
}
