//! [`is_stateful`]: the components that become a `StatefulSet`.

use kcc_model::{Component, Kind};

/// Returns true if every replica keeps an identity and data of its own.
pub(super) fn is_stateful(component: &Component) -> bool {
    component.stateful || matches!(component.kind, Kind::Backing { .. })
}
