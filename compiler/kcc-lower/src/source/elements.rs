//! List elements, found by the field that identifies them.

use serde_json::Value;

/// Fields that identify list elements.
const KEYS: [&str; 2] = ["name", "mountPath"];

/// Finds the list element with a name or index.
pub(super) fn element(items: &[Value], name: &str) -> Option<usize> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    KEYS.iter().find_map(|key| {
        items
            .iter()
            .position(|item| item.get(key).and_then(Value::as_str) == Some(name))
    })
}

/// Returns the name of a list element, if it has one.
pub(super) fn name(item: &Value) -> Option<&str> {
    KEYS.iter().find_map(|key| item.get(key)?.as_str())
}
