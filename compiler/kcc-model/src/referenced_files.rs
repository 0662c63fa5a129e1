//! [`ReferencedFiles`]: access to the files that fragments refer to.
//!
//! This crate reads no file: the command line passes the functions.

use kcc_lock::Images;

use crate::Build;

/// A file below the system's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileData {
    /// The file's content.
    pub bytes: Vec<u8>,
    /// Set if the owner's execute bit is set.
    pub executable: bool,
}

/// Access to the files that fragments refer to; an error says why one cannot be
/// read. The answers depend on the files alone, so that a model is the same on
/// every machine.
#[derive(Clone, Copy)]
pub struct ReferencedFiles<'a> {
    /// Reads a file (`files: … source`), named relative to the root.
    pub read: &'a dyn Fn(&str) -> Result<FileData, String>,
    /// Lists all files below a directory, in order, each relative to it. The name of
    /// the directory is relative to the root.
    pub list: &'a dyn Fn(&str) -> Result<Vec<String>, String>,
    /// Checks that a file exists and is readable, or a directory if the name ends
    /// with `/`. The name is relative to the root.
    pub check_exists: &'a dyn Fn(&str) -> Result<(), String>,
    /// Hashes everything an image is built from; returns hexadecimal digits.
    pub hash_context: &'a dyn Fn(&Build) -> Result<String, String>,
    /// The facts about images from `kcc.lock`.
    pub images: &'a Images,
}
