//! Reads `kcc.lock`.

use std::io::ErrorKind;

use kcc_diag::Code;
use kcc_lock::{Invalid, LOCK_FILE, Lock};

use super::{
    Problem, Problems, Root,
    problem::Excerpt,
    read::{self, ReadError},
};

/// Reads the file if there is one. With a problem, nothing is known about images.
pub(super) fn load(root: &Root, problems: &mut Problems) -> Lock {
    let text = match read::text(&root.path().join(LOCK_FILE)) {
        Ok(text) => text,
        Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound => return Lock::default(),
        Err(failure) => {
            problems.push(failure.problem(LOCK_FILE.to_owned()));
            return Lock::default();
        }
    };
    Lock::parse(&text).unwrap_or_else(|invalid| {
        problems.push(problem(text, invalid));
        Lock::default()
    })
}

fn problem(text: String, invalid: Invalid) -> Problem {
    let (code, message, label, help, range) = match invalid {
        Invalid::Newer { version, range } => (
            Code::LoadLockVersion,
            format!("`{LOCK_FILE}` has version {version}, which this kcc does not read"),
            "written by a newer kcc".to_owned(),
            "install a newer kcc".to_owned(),
            range,
        ),
        Invalid::Malformed { message, range } => (
            Code::LoadLock,
            format!("`{LOCK_FILE}` is malformed"),
            message,
            "restore it, or delete it and run `kcc lock`".to_owned(),
            range,
        ),
    };
    Problem {
        code,
        name: LOCK_FILE.to_owned(),
        message,
        help,
        excerpt: Some(Excerpt { text, range, label }),
    }
}
