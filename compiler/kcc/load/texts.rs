//! [`Texts`]: the texts of the files that are read so far.

use std::collections::BTreeMap;

/// The texts of a system's files, by name.
pub(super) type Texts = BTreeMap<String, String>;
