//! Checks that a panic ends kcc with exit code 70 and a bug report.
//!
//! No input makes kcc panic, so this test program runs itself with kcc's panic hook
//! installed and panics in a thread.

use std::process::Command;

const CHILD: &str = "KCC_UI_PANIC";

/// Panics with kcc's hook in the child process; does nothing elsewhere.
pub(crate) fn in_child() {
    if std::env::var_os(CHILD).is_some() {
        kcc::exit::report_panics();
        let _ = std::thread::spawn(|| panic!("the impossible\u{1b}[31m happened")).join();
    }
}

/// Runs the child and checks its exit code and output.
pub(crate) fn a_panic_exits_with_70() -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .env(CHILD, "1")
        .output()
        .map_err(|error| error.to_string())?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let expected = [
        "error: bug in kcc ",
        "the impossible?[31m happened",
        "tests/ui/panic.rs:",
        "help: report it",
    ];
    if output.status.code() != Some(70) || !expected.iter().all(|part| stderr.contains(part)) {
        return Err(format!("{}: {stderr}", output.status));
    }
    Ok(())
}
