//! The simulation: planner, record and executor run against engines in memory, and at
//! some call something goes wrong. Everything in a world follows from its seed.
//!
//! Each engine's crate imitates its engine ([`SimulatedEngine`]) and runs worlds with
//! [`simulate`]. Reconcile, the calls of operations, the executor, the record and its
//! lock are the real ones; the drivers and clients are not in it.

mod chance;
mod engine;
mod fault;
mod mistake;
mod store;
mod world;
mod worlds;

pub use chance::Chance;
pub use engine::SimulatedEngine;
pub use mistake::Mistake;
pub use worlds::simulate;
