//! The pods name a `PriorityClass` that does not exist.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause, refused};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let name = between(facts.refusal?, "no PriorityClass with name ", " was found")?;
    Some(
        cause(format!("pods cannot be created: PriorityClass `{name}` does not exist"))
            .help(format!("create PriorityClass `{name}`, or name another one"))
            .since(refused::since(facts)),
    )
}
