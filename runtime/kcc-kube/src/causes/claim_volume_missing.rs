//! A claim names a volume that does not exist, or has lost it.

use kcc_plan::Cause;

use super::{Facts, claims};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let (name, volume) = claims::pending(facts).find_map(|(name, claim)| {
        let volume = claim.pointer("/spec/volumeName")?.as_str()?;
        Some((name, volume))
    })?;
    let why = format!("waits for volume `{volume}`, which does not exist");
    Some(claims::unbound(facts, name, &why).help("create the volume, or a new claim"))
}
