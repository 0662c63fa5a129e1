//! The pods run as a service account that does not exist.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause, facts::list, refused};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let name = between(facts.refusal?, "serviceaccount \"", "\" not found")?;
    let names = facts.names("ServiceAccount");
    Some(
        cause(format!("pods cannot be created: service account `{name}` does not exist"))
            .evidence(names.map(|names| format!("the namespace has {}", list(&names))))
            .help(format!("create service account `{name}`, or correct `identity:`"))
            .since(refused::since(facts)),
    )
}
