//! The lowering of models made by hand: single decisions, the whole of a small
//! shop, and what other programs make of the rendered files.

mod compose;
mod docker;
mod golden;
mod kubernetes;
mod kubernetes_data;
mod ledger;
mod parity;
mod policies;
mod sources;
mod strings;
mod support;
mod workloads;
