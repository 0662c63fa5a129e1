//! No volume has the access mode that a claim asks for.

use kcc_plan::Cause;
use serde_json::Value;

use super::{Facts, claims, facts::list};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let modes = |object: &Value, pointer: &str| -> Vec<String> {
        let all = object.pointer(pointer).and_then(Value::as_array);
        let all = all.into_iter().flatten().filter_map(Value::as_str);
        all.map(str::to_owned).collect()
    };
    claims::pending(facts).find_map(|(name, claim)| {
        let class = claims::class(claim);
        let wanted = modes(claim, "/spec/accessModes");
        let volumes: Vec<_> = facts
            .objects("PersistentVolume")
            .filter(|volume| claims::class(volume) == class)
            .collect();
        let mut offered: Vec<_> = volumes
            .iter()
            .flat_map(|volume| modes(volume, "/spec/accessModes"))
            .collect();
        offered.sort();
        offered.dedup();
        if offered.is_empty() || wanted.iter().all(|mode| offered.contains(mode)) {
            return None;
        }
        let why = format!("needs access mode {}, which no volume has", wanted.join(", "));
        Some(
            claims::unbound(facts, name, &why)
                .evidence(format!("the volumes of its class have {}", list(&offered)))
                .help("use another storage class, or `access: \"one\"`"),
        )
    })
}
