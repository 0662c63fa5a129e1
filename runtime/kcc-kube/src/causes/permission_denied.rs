//! The program ended because the kernel denied it something, usually a file.

use kcc_plan::{Cause, symptoms};

use super::{Facts, facts::logged};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = logged(facts, "permission denied", &symptoms::PERMISSION_DENIED)?;
    Some(cause.help("let the user of the image own the file, or mount a volume there"))
}
