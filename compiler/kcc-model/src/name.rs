//! [`Name`]: the name of a component, team, port and the like.

/// The name of a component, team, port, volume or similar: a DNS label.
pub type Name = String;
