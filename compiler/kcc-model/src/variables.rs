//! The names of the variables that a need provides.

/// Returns the prefix of the variables that a need provides: `stripe-mock` →
/// `STRIPE_MOCK`.
pub(crate) fn variable_prefix(component: &str) -> String {
    component.to_ascii_uppercase().replace('-', "_")
}

/// Returns true if a variable has the prefix that a need on a component provides.
pub(crate) fn is_variable_of(variable: &str, component: &str) -> bool {
    let rest = variable.strip_prefix(&variable_prefix(component));
    rest.is_some_and(|rest| rest.starts_with('_'))
}
