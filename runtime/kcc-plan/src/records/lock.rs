//! [`Lock`]: lets one command at a time change a target. It is a kernel lock on a
//! file, so it ends with the process, however that ends. The file names the holder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Seek, Write},
    path::Path,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

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
                Err(TryLockError::WouldBlock) => return Err(lock_held(&mut file)),
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
            Err(TryLockError::WouldBlock) => Err(lock_held(&mut file)),
        }
    }
}

fn cannot_lock(path: &Path, error: std::io::Error) -> Error {
    let message = format!("cannot lock `{}`", path.display());
    Error::new(Code::StateStore, message).cause(error)
}

fn lock_held(file: &mut File) -> Error {
    let mut text = String::new();
    // The file is empty between taking the lock and writing the holder.
    let holder = match file.read_to_string(&mut text) {
        Ok(_) => serde_json::from_str::<Holder>(&text).ok(),
        Err(_) => None,
    };
    let message = match holder {
        None => "another kcc process is changing this target".to_owned(),
        Some(Holder {
            pid,
            since,
            command,
        }) => {
            let command = command.unwrap_or_else(|| "an apply".to_owned());
            let since = utc(since);
            format!("{command} has been running since {since} (process {pid})")
        }
    };
    Error::new(Code::ApplyLockHeld, message).help("wait until it ends, then run the command again")
}

/// Returns the current time in seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// Formats a time as `2026-11-24 05:10:00 UTC`.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March put the leap day at their end.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_holder_to_a_second_taker() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
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
    fn formats_times() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_795_497_600), "2026-11-24 05:20:00 UTC");
    }
}
