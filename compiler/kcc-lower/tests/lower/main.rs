//! Tests lowering of hand-written models: single decisions, one whole system, and
//! rendered files read by other programs.

mod compose;
mod docker;
mod golden;
mod instance;
mod kubernetes;
mod kubernetes_data;
mod ledger;
mod parity;
mod parts;
mod policies;
mod sources;
mod strings;
mod support;
mod workloads;
