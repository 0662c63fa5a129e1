//! YAML out of desired states.
