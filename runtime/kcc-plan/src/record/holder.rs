//! [`Holder`]: the process that holds a lock. On the same machine it is noticed if that
//! process has ended.

use std::fs;

use jiff::Timestamp;
use kcc_diag::Code;
use serde::{Deserialize, Serialize};

use crate::{Error, Options, random_secret, who::Who};

/// The process that holds the lock of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Holder {
    /// A random text that no other command has.
    token: String,
    /// The command with its article: `an apply`.
    command: String,
    /// The process, user and machine, for people.
    who: String,
    /// The start, by the engine's clock.
    since: Timestamp,
    /// The end, by the engine's clock, unless the lock is renewed.
    pub(super) until: Timestamp,
    /// The process, for others on the same machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process: Option<Process>,
}

/// The identity of a process on its machine, which no other process ever has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Process {
    /// The boot of the kernel, and the namespace of process numbers in it.
    machine: String,
    number: u32,
    /// The start, in the kernel's ticks since its boot.
    start: u64,
}

impl Holder {
    /// Describes this process.
    pub(super) fn new(command: &str, options: &Options, now: Timestamp) -> Result<Self, Error> {
        Ok(Self {
            token: random_secret("lock")?,
            command: command.to_owned(),
            who: who(options),
            since: now,
            until: now,
            process: Process::this(),
        })
    }

    /// Returns true if a process of this machine held the lock and has ended.
    pub(super) fn is_gone(&self) -> bool {
        self.process.as_ref().is_some_and(Process::is_gone)
    }

    /// Returns true if this is one lock, renewed or not.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.token == other.token
    }

    /// Describes the holder and its start in one line.
    pub(super) fn describe(&self) -> String {
        let since = self.since.strftime("%Y-%m-%d %H:%M:%S UTC");
        format!(
            "{} has been running since {since} ({})",
            self.command, self.who
        )
    }

    /// Describes the failure to do something while it holds the lock.
    pub(super) fn held(&self) -> Error {
        Error::new(Code::ApplyLockHeld, self.describe())
            .help("wait until it ends, then run the command again")
    }
}

impl Process {
    fn this() -> Option<Self> {
        let number = std::process::id();
        Some(Self {
            machine: machine()?,
            number,
            start: start(number)?,
        })
    }

    /// Returns true if the process is certainly gone: this is its machine, processes
    /// of all users can be seen here, and it is not among them.
    fn is_gone(&self) -> bool {
        machine().is_some_and(|machine| machine == self.machine)
            && start(1).is_some()
            && start(self.number) != Some(self.start)
    }
}

/// Identifies the kernel's boot and the namespace in which process numbers count.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// Returns the start of a process in ticks since the kernel's boot, as proc(5)
/// describes it: the 20th field after the name, which is in parentheses. A zombie
/// counts as gone.
fn start(number: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn who(options: &Options) -> String {
    let Who { user, host, .. } = Who::of(options);
    let mut text = format!("process {}", std::process::id());
    if let Some(user) = user {
        text = format!("{text} of {user}");
    }
    if let Some(host) = host {
        text = format!("{text} on {host}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_command_its_start_and_its_holder() {
        let since = Timestamp::from_second(1_795_497_600).unwrap();
        let mut holder = Holder::new("a down", &Options::default(), since).unwrap();
        holder.who = "process 7 of bob on ci".to_owned();
        assert_eq!(
            holder.held().message,
            "a down has been running since 2026-11-24 05:20:00 UTC (process 7 of bob on ci)"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn knows_a_process_that_has_ended() {
        let this = Process::this().unwrap();
        assert!(!this.is_gone());
        let another_boot = Process {
            machine: "another".to_owned(),
            start: 0,
            ..this.clone()
        };
        assert!(
            !another_boot.is_gone(),
            "its processes cannot be seen from here"
        );
        let number_taken_again = Process { start: 0, ..this };
        assert!(number_taken_again.is_gone());

        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let process = Process {
            machine: machine().unwrap(),
            number: child.id(),
            start: start(child.id()).unwrap(),
        };
        assert!(!process.is_gone());
        child.kill().unwrap();
        while !process.is_gone() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(process.is_gone());
    }
}
