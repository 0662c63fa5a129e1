//! The pod mounts a claim that does not exist.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, claims, facts::list};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = facts.unschedulable()?;
    let name = between(message, "persistentvolumeclaim \"", "\" not found")?;
    let names = facts.names("PersistentVolumeClaim");
    let evidence = names.map(|names| match names.as_slice() {
        [] => "the namespace has no claim".to_owned(),
        names => format!("the namespace has {}", list(names)),
    });
    Some(
        claims::unbound(facts, name, "does not exist")
            .evidence(evidence)
            .help("run `kcc apply` to create it, or correct the reference"),
    )
}
