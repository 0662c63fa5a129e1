//! The program ended because a volume or the disk of the host is full.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = facts.logged("no space left", &["no space left on device"])?;
    Some(cause.help("free space on the host, or remove data"))
}
