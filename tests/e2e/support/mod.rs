//! What the end-to-end tests of both engines share.

mod copy;
pub(crate) mod http;
pub(crate) mod trials;

pub(crate) use copy::{Copy, outcome, report, system_name};

/// Components of the shop that run in containers.
pub(crate) const COMPONENTS: [&str; 7] = [
    "cart", "carts", "checkout", "migrate", "orders", "payments", "web",
];
