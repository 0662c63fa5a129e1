//! [`EmitError`]: the YAML writer rejects a value.

/// The error of a value that the YAML writer rejects, which is a bug in kcc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmitError(pub(crate) String);

impl std::fmt::Display for EmitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write YAML: {}", self.0)
    }
}

impl std::error::Error for EmitError {}
