//! Failures of files and disks, each with the action that resolves it.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use kcc_diag::Code;

use crate::Error;

/// Describes a failure to read, write or remove a file. `path` is as messages show it.
pub(super) fn failed(verb: &str, path: &Path, error: io::Error) -> Error {
    let help = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "free space there, and run the command again"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "give your user access to it, or name another path"
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            "check the path"
        }
        _ => "check the disk (`dmesg` shows its errors), and run the command again",
    };
    let message = format!("cannot {verb} `{}`", path.display());
    Error::new(Code::StateStore, message)
        .help(help)
        .cause(error)
}
