//! No volume fits a claim, and nothing makes one.

use kcc_plan::Cause;

use super::{Facts, claims, facts::list, scheduling};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = scheduling::refusal(
        facts,
        &[
            "didn't find available persistent volumes to bind",
            "unbound immediate PersistentVolumeClaims",
            "not found available persistent volumes",
        ],
    )?;
    let names: Vec<_> = claims::names(facts.pod).collect();
    let pending = claims::pending(facts).next();
    let size = pending.and_then(|(_, claim)| {
        claim.pointer("/spec/resources/requests/storage")?.as_str()
    });
    let class = pending.and_then(|(_, claim)| claims::class(claim));
    let evidence = size.map(|size| match class {
        Some(class) if !class.is_empty() => {
            format!("it asks for {size} of storage class `{class}`")
        }
        _ => format!("it asks for {size}, and names no storage class"),
    });
    let why = match names.as_slice() {
        [name] => format!("no volume fits claim `{name}`"),
        names => format!("no volume fits one of the claims {}", list(names)),
    };
    Some(
        scheduling::cannot_place(facts, &why)
            .evidence(evidence.unwrap_or_else(|| scheduling::words(message)))
            .help("use a storage class that makes volumes, or add a volume of that size"),
    )
}
