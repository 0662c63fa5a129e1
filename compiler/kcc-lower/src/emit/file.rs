//! [`File`]: a file of a rendered directory.

/// A file of a rendered directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The name relative to the directory, with `/`.
    pub name: String,
    /// The content.
    pub content: Vec<u8>,
    /// Set if it has to be executable.
    pub executable: bool,
}
