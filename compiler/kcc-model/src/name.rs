//! [`Name`]: the name of a component, team, port and the like; and the names of
//! labels that belong to kcc.

/// The name of a component, team, port, volume or similar: a DNS label.
pub type Name = String;

/// Returns true if a label or annotation is kcc's own on either engine, so that
/// fragments cannot set it.
pub fn is_reserved_label(name: &str) -> bool {
    name.starts_with("kcc.dev/") || name.starts_with("dev.kcc.")
}
