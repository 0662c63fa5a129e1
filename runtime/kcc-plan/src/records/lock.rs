//! [`Lock`]: lets one command at a time change a target. It is a kernel lock on a
//! file, so it ends with the process, however that ends. The file names the holder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Seek, Write},
    path::Path,
    thread,
    time::Duration,
};

use jiff::Timestamp;
use kcc_diag::Code;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The number of attempts to take the lock. A read-only command holds it for a
/// moment to find out if another process does, so a single attempt could fail
/// for no reason.
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// The lock held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    since: u64,
    /// The command with its article: `an apply`.
    #[serde(default)]
    command: Option<String>,
}

impl Lock {
    /// Takes the lock for a command, such as `an apply`; fails with the holder's name.
    pub fn take(path: &Path, command: &str) -> Result<Self, Error> {
        let fail = |error| cannot_lock(path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        let mut attempts = ATTEMPTS;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(fail(error)),
                Err(TryLockError::WouldBlock) if attempts > 1 => attempts -= 1,
                Err(TryLockError::WouldBlock) => return Err(held_by(&mut file)),
            }
            thread::sleep(PAUSE);
        }
        let holder = Holder {
            pid: std::process::id(),
            since: now(),
            command: Some(command.to_owned()),
        };
        let text = serde_json::to_vec(&holder).unwrap_or_default();
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(&text))
            .map_err(fail)?;
        Ok(Self { _file: file })
    }

    /// Fails with the holder's name if the lock is held. Leaves nothing behind.
    pub fn check_unlocked(path: &Path) -> Result<(), Error> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(cannot_lock(path, error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(()),
            Err(TryLockError::Error(error)) => Err(cannot_lock(path, error)),
            Err(TryLockError::WouldBlock) => Err(held_by(&mut file)),
        }
    }
}

fn cannot_lock(path: &Path, error: std::io::Error) -> Error {
    let message = format!("cannot lock `{}`", path.display());
    Error::new(Code::StateStore, message).cause(error)
}

fn held_by(file: &mut File) -> Error {
    let mut text = String::new();
    // The file is empty between taking the lock and writing the holder.
    let holder = match file.read_to_string(&mut text) {
        Ok(_) => serde_json::from_str::<Holder>(&text).ok(),
        Err(_) => None,
    };
    let Some(holder) = holder else {
        return lock_held("another kcc process", None, None);
    };
    let command = holder.command.as_deref().unwrap_or("an apply");
    let since = i64::try_from(holder.since).ok();
    let since = since.and_then(|since| Timestamp::from_second(since).ok());
    lock_held(command, since, Some(&format!("process {}", holder.pid)))
}

/// Creates the error of a command that another one, such as `an apply`, keeps from
/// running.
pub fn lock_held(command: &str, since: Option<Timestamp>, holder: Option<&str>) -> Error {
    let mut message = match since {
        Some(since) => {
            let since = since.strftime("%Y-%m-%d %H:%M:%S UTC");
            format!("{command} has been running since {since}")
        }
        None => format!("{command} is changing this target"),
    };
    if let Some(holder) = holder {
        message = format!("{message} ({holder})");
    }
    Error::new(Code::ApplyLockHeld, message).help("wait until it ends, then run the command again")
}

/// Returns the current time in seconds since 1970.
pub fn now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_holder_to_a_second_taker() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        Lock::check_unlocked(&path).unwrap();
        assert!(!path.exists(), "the check leaves nothing behind");
        let first = Lock::take(&path, "a down").unwrap();
        let looked = Lock::check_unlocked(&path).unwrap_err();
        let error = Lock::take(&path, "an apply").unwrap_err();
        for error in [looked, error] {
            assert_eq!(error.code, Code::ApplyLockHeld);
            let (start, end) = (
                "a down has been running since 20",
                format!(" UTC (process {})", std::process::id()),
            );
            let message = error.message;
            assert!(
                message.starts_with(start) && message.ends_with(&end),
                "{message}"
            );
        }
        drop(first);
        Lock::check_unlocked(&path).unwrap();
        Lock::take(&path, "an apply").unwrap();
    }

    #[test]
    fn names_the_command_its_start_and_its_holder() {
        let message = |since, holder| {
            let since = Timestamp::from_second(since).unwrap();
            lock_held("a down", Some(since), holder).message
        };
        for (since, time) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_795_497_600, "2026-11-24 05:20:00"),
        ] {
            assert_eq!(
                message(since, Some("process 7")),
                format!("a down has been running since {time} UTC (process 7)")
            );
        }
        let unknown = lock_held("another kcc process", None, None).message;
        assert_eq!(unknown, "another kcc process is changing this target");
    }
}
