//! The program ended because it wrote to a file system that is read-only.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = facts.logged("read-only file system", &["read-only file system"])?;
    Some(cause.help("mount an ephemeral volume where the program writes"))
}
