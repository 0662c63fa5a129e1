//! The program ended because the kernel denied it something, usually a file.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let texts = ["permission denied", "operation not permitted", "eacces"];
    let cause = facts.logged("permission denied", &texts)?;
    Some(cause.help("let the user of the image own the file, or mount a volume there"))
}
