//! A network that the container was created with does not exist any more.

use kcc_plan::{Cause, symptoms::between};

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let error = facts.start_error()?;
    let name = between(error, "network ", " not found")?;
    let name = facts
        .container
        .networks
        .keys()
        .find(|network| name == network.as_str())
        .map_or(name, String::as_str);
    Some(
        facts
            .cannot_start(&format!("network `{name}` does not exist"))
            .evidence("the container was created on a network that was removed".to_owned())
            .help("run `kcc apply`, which creates both again"),
    )
}
