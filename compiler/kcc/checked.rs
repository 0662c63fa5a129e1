//! [`Checked`]: the result of `kcc check`.

use crate::failure::Diagnosis;

/// The result of `kcc check`.
#[derive(Debug)]
pub struct Checked {
    /// Warnings; errors are a [`crate::failure::Failure`].
    pub diagnosis: Diagnosis,
    /// The number of components in all targets together.
    pub components: usize,
    /// The number of teams.
    pub teams: usize,
    /// The targets that were checked.
    pub targets: Vec<String>,
    /// True if the schema for editors in the system is that of another version of kcc.
    pub has_old_schema: bool,
}
