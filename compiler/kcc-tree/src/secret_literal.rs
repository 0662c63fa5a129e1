//! The text of the diagnostic for a secret that is written as plain text.
//!
//! The evaluator finds such a secret where an overlay replaces it, a rule of the
//! model everywhere else. Both use this text, so that their diagnostics are equal
//! and the mistake is reported once.

use crate::Path;

/// The label at the plain text.
pub const LABEL: &str = "a reference is expected";

/// Builds the message, which leaves the secret itself out.
pub fn message(path: &Path) -> String {
    format!("`{path}` holds a secret as text")
}

/// Builds the help.
pub fn help(example: &str) -> String {
    format!(
        "write `{example}`, say under `secrets` where its value comes from, and change the value: it \
         was written down"
    )
}
