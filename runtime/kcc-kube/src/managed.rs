//! Reads the managed fields of an object: who set a field last, by the name that the
//! client chose. Pure.

use jiff::Timestamp;
use serde_json::Value;

/// A field manager of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) manager: String,
    /// `Apply` or `Update`.
    pub(crate) operation: Option<String>,
    /// The time of its last write to the object, to any field.
    pub(crate) time: Option<Timestamp>,
}

/// Returns the last field manager that owns a field.
pub(crate) fn owner(live: &Value, path: &[String]) -> Option<Owner> {
    let owners = managers(live).filter(|entry| {
        let fields = path.iter().try_fold(&entry["fieldsV1"], |fields, name| {
            fields.get(format!("f:{name}"))
        });
        fields.is_some()
    });
    owners.map(of).max_by_key(|owner| owner.time)
}

/// Returns the field manager that wrote an object first.
pub(crate) fn first(live: &Value) -> Option<Owner> {
    managers(live).map(of).min_by_key(|owner| owner.time)
}

fn managers(live: &Value) -> impl Iterator<Item = &Value> {
    let managers = live.pointer("/metadata/managedFields");
    let managers = managers.and_then(Value::as_array).into_iter().flatten();
    managers.filter(|entry| entry["subresource"] != "status")
}

fn of(entry: &Value) -> Owner {
    let text = |name: &str| entry[name].as_str().map(str::to_owned);
    Owner {
        manager: text("manager").unwrap_or_default(),
        operation: text("operation"),
        time: entry["time"].as_str().and_then(|time| time.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_the_last_owner_of_a_field() {
        let entry = |manager: &str, time: &str, fields: Value| json!({"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields});
        let paused = json!({"f:spec": {"f:paused": {}}});
        let live = json!({"metadata": {"managedFields": [
            entry("kcc", "2026-03-01T09:00:00Z", json!({"f:spec": {"f:replicas": {}}})),
            entry("kubectl-rollout", "2026-03-01T09:30:00Z", paused),
        ]}});
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let manager = |text: &str| owner(&live, &path(text)).map(|owner| owner.manager);
        assert_eq!(manager("spec.paused").as_deref(), Some("kubectl-rollout"));
        assert_eq!(manager("spec.image"), None);
        assert_eq!(first(&live).unwrap().manager, "kcc");
    }
}
