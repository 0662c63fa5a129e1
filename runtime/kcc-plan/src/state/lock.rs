//! [`Lock`]: one apply at a time. A lock of the kernel on a file: it ends with
//! the process, however that ends. The file says who holds it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use kcc_diag::Code;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    since: u64,
}

impl Lock {
    /// Takes the lock, or names who holds it.
    pub fn take(path: &Path) -> Result<Self, Error> {
        let fail = |error| {
            Error::new(
                Code::StateStore,
                format!("cannot lock `{}`", path.display()),
            )
            .cause(error)
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(fail(error)),
            Err(TryLockError::WouldBlock) => return Err(held(&mut file)),
        }
        let holder = Holder {
            pid: std::process::id(),
            since: now(),
        };
        let text = serde_json::to_vec(&holder).unwrap_or_default();
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(&text))
            .map_err(fail)?;
        Ok(Self { _file: file })
    }
}

fn held(file: &mut File) -> Error {
    let mut text = String::new();
    // Between taking the lock and writing its name, a holder is nameless.
    let holder = match file.read_to_string(&mut text) {
        Ok(_) => serde_json::from_str::<Holder>(&text).ok(),
        Err(_) => None,
    };
    let who = holder.map_or("another process".to_owned(), |holder| {
        format!("process {} since {}", holder.pid, utc(holder.since))
    });
    Error::new(
        Code::ApplyLockHeld,
        format!("another apply to this target is running: {who}"),
    )
    .help("wait until it ends, then run the command again")
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
        let first = Lock::take(&path).unwrap();
        let error = Lock::take(&path).unwrap_err();
        assert_eq!(error.code, Code::ApplyLockHeld);
        let pid = format!("process {} since 20", std::process::id());
        assert!(error.message.contains(&pid), "{}", error.message);
        drop(first);
        Lock::take(&path).unwrap();
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_795_497_600), "2026-11-24 05:20:00 UTC");
    }
}
