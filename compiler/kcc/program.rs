//! Runs a program of the user on this machine.

use std::{collections::BTreeMap, io, process::ExitStatus};

use tokio::process::Command;

use crate::{
    failure::Failure,
    runtime::{Stop, block_on, stop_signal},
};

/// Runs a program on this machine to its end and returns its exit code, or 128 and the
/// number of the signal that ended it, as shells do. SIGTERM is passed on. Ctrl-C reaches
/// the program from the terminal, and it decides what to do.
pub(crate) fn run(
    command: &[String],
    variables: &BTreeMap<String, String>,
) -> Result<io::Result<u8>, Failure> {
    let mut command_line = Command::new(&command[0]);
    command_line.args(&command[1..]).envs(variables);
    block_on(async {
        let mut child = command_line.spawn()?;
        let number = child.id();
        let signals = async {
            while let Ok(stop) = stop_signal().await {
                if stop == Stop::Terminated {
                    terminate(number);
                }
            }
            // Signals are unavailable, so there is nothing to pass on.
            std::future::pending().await
        };
        let status = tokio::select! {
            status = child.wait() => status?,
            never = signals => never,
        };
        Ok(exit_code(status))
    })
}

#[cfg(unix)]
fn exit_code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let by_signal = || 128 + status.signal().unwrap_or_default();
    u8::try_from(status.code().unwrap_or_else(by_signal)).unwrap_or(u8::MAX)
}

#[cfg(not(unix))]
fn exit_code(status: ExitStatus) -> u8 {
    u8::try_from(status.code().unwrap_or_default()).unwrap_or(u8::MAX)
}

/// Sends SIGTERM to a process.
#[cfg(unix)]
fn terminate(process: Option<u32>) {
    let number = process.and_then(|number| i32::try_from(number).ok());
    if let Some(process) = number.and_then(rustix::process::Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(_: Option<u32>) {}
