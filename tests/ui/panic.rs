//! A panic ends kcc with exit code 70 and a sentence.
//!
//! kcc has no panic to offer, so this test program runs itself again with the
//! hook of kcc in place, and panics in a thread.

use std::process::Command;

const CHILD: &str = "KCC_UI_PANIC";

/// In the child: panics as kcc would. Elsewhere nothing.
pub(crate) fn in_child() {
    if std::env::var_os(CHILD).is_some() {
        kcc::exit::report_panics();
        let _ = std::thread::spawn(|| panic!("the impossible\u{1b}[31m happened")).join();
    }
}

/// Runs the child and looks at how it ended.
pub(crate) fn a_panic_is_exit_70() -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .env(CHILD, "1")
        .output()
        .map_err(|error| error.to_string())?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = [
        "error: this is a bug in kcc ",
        "the impossible?[31m happened",
        "tests/ui/panic.rs:",
        "help: please report it",
    ];
    if output.status.code() != Some(70) || !said.iter().all(|part| stderr.contains(part)) {
        return Err(format!("{}: {stderr}", output.status));
    }
    Ok(())
}
