//! The words for a secret that is written as text. Evaluation finds it where an
//! overlay stands in for the text, a rule of the model's finds it elsewhere: both
//! say the same, so that it is told once.

use crate::tree::Path;

/// What stands at the text.
pub const LABEL: &str = "a reference is expected";

/// What is wrong; the text itself is not in it.
pub fn message(path: &Path) -> String {
    format!("`{path}` holds a secret as text")
}

/// What to do.
pub fn help(example: &str) -> String {
    format!(
        "write `{example}`, say under `secrets` where its value comes from, and change the value: it \
         was written down"
    )
}
