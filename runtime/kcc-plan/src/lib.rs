//! Observed, plan and execute, shared by both engines.
