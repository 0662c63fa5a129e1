//! [`Lock`]: one command that changes a target at a time. A lock of the kernel on
//! a file: it ends with the process, however that ends. The file says who holds it.

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

/// A command that only looks holds the lock for a moment, in order to find out
/// whether somebody else does: one that changes something tries more than once.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    since: u64,
    /// The command, with its article: `an apply`.
    #[serde(default)]
    command: Option<String>,
}

impl Lock {
    /// Takes the lock for a command, such as `an apply`, or names who holds it.
    pub fn take(path: &Path, command: &str) -> Result<Self, Error> {
        let fail = |error| cannot_lock(path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        let mut tries = TRIES;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(fail(error)),
                Err(TryLockError::WouldBlock) if tries > 1 => tries -= 1,
                Err(TryLockError::WouldBlock) => return Err(held(&mut file)),
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

    /// Names who holds the lock, if anybody does. Leaves nothing behind.
    pub fn refuse_held(path: &Path) -> Result<(), Error> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(cannot_lock(path, error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(()),
            Err(TryLockError::Error(error)) => Err(cannot_lock(path, error)),
            Err(TryLockError::WouldBlock) => Err(held(&mut file)),
        }
    }
}

fn cannot_lock(path: &Path, error: std::io::Error) -> Error {
    let message = format!("cannot lock `{}`", path.display());
    Error::new(Code::StateStore, message).cause(error)
}

fn held(file: &mut File) -> Error {
    let mut text = String::new();
    // Between taking the lock and writing its name, a holder is nameless.
    let holder = match file.read_to_string(&mut text) {
        Ok(_) => serde_json::from_str::<Holder>(&text).ok(),
        Err(_) => None,
    };
    let message = match holder {
        None => "another kcc is changing this target".to_owned(),
        Some(Holder {
            pid,
            since,
            command,
        }) => {
            let command = command.unwrap_or_else(|| "an apply".to_owned());
            let since = utc(since);
            format!("{command} is running since {since} (process {pid})")
        }
    };
    Error::new(Code::ApplyLockHeld, message).help("wait until it ends, then run the command again")
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// A time as `2026-11-24 05:10:00 UTC`.
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
    fn a_second_taker_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        Lock::refuse_held(&path).unwrap();
        assert!(!path.exists(), "looking leaves nothing behind");
        let first = Lock::take(&path, "a down").unwrap();
        let looked = Lock::refuse_held(&path).unwrap_err();
        let error = Lock::take(&path, "an apply").unwrap_err();
        for error in [looked, error] {
            assert_eq!(error.code, Code::ApplyLockHeld);
            let (start, end) = (
                "a down is running since 20",
                format!(" UTC (process {})", std::process::id()),
            );
            let message = error.message;
            assert!(
                message.starts_with(start) && message.ends_with(&end),
                "{message}"
            );
        }
        drop(first);
        Lock::refuse_held(&path).unwrap();
        Lock::take(&path, "an apply").unwrap();
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_795_497_600), "2026-11-24 05:20:00 UTC");
    }
}
