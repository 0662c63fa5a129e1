//! The container is connected to none of its networks, so that nothing reaches it.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let found = facts.found()?;
    let declared = &facts.container.networks;
    let lost = facts.answer().is_some()
        && !declared.is_empty()
        && !declared.keys().any(|name| found.networks.contains_key(name));
    let name = declared.keys().next()?;
    lost.then(|| {
        cause(format!("container is not connected to network `{name}`"))
            .evidence("no health check reaches it, and no other component".to_owned())
            .help("run `kcc apply`, which connects it again")
    })
}
