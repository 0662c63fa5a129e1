//! [`Style`]: the parameters of rendering.

use std::collections::BTreeSet;

/// The parameters of rendering.
#[derive(Debug, Clone)]
pub struct Style {
    /// Colours the text with ANSI escapes if true.
    pub color: bool,
    /// The column at which text is wrapped.
    pub width: usize,
    /// All evaluated targets: text names the targets of a diagnostic only if it
    /// does not apply to all of these.
    pub targets: BTreeSet<String>,
    /// The system's root relative to the current directory, with a trailing
    /// slash, or empty. Code hosts need paths relative to the repository's root.
    pub root: String,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            color: false,
            width: 100,
            targets: BTreeSet::new(),
            root: String::new(),
        }
    }
}
