//! The pods name a `RuntimeClass` that does not exist.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause, refused};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let name = between(facts.refusal?, "RuntimeClass \"", "\" not found")?;
    Some(
        cause(format!("pods cannot be created: RuntimeClass `{name}` does not exist"))
            .help(format!("create RuntimeClass `{name}`, or name another one"))
            .since(refused::since(facts)),
    )
}
