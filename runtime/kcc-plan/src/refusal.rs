//! [`Refusal`]: one of the reasons for which a command changes nothing. All that can be
//! found before the first change are reported together.

use kcc_diag::Code;
use kcc_model::Name;

/// A reason to change nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code, which has a page.
    pub code: Code,
    /// The reason, in one line.
    pub message: String,
    /// One action that resolves it.
    pub help: String,
    /// The component of the object; none for a shared one.
    pub component: Option<Name>,
    /// The kind and name of the object, as `kcc render` names them.
    pub object: (String, String),
    /// The field of the object that is in the way; empty for the whole object.
    pub field: Vec<String>,
}
