//! The program ended because a volume or the disk of the node is full.

use kcc_plan::Cause;

use super::{Facts, facts::logged};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = logged(facts, "no space left", &["no space left on device"])?;
    Some(cause.help("raise the volume's `size:`, or remove data"))
}
