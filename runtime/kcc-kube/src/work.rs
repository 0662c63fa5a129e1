//! [`Work`]: what the engine needs to perform one step. Everything is decided.

use kcc_lower::kubernetes::MadeSecret;
use serde_json::Value;

use crate::observed::Reference;

/// One step on a cluster.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// Makes an object what a manifest says.
    Apply {
        reference: Reference,
        manifest: Value,
        /// The object that is meant, so that no other one of its name is changed.
        uid: Option<String>,
        /// One of its name is being removed: wait until it is gone.
        after_removal: bool,
        /// What is handed over beforehand to the field manager that waits for an
        /// autoscaler.
        hand_over: Option<Value>,
        /// It takes fields from other writers: those that `--take` names, or a
        /// number that an autoscaler of kcc's has left.
        force: bool,
    },
    /// Removes an object and makes it anew.
    Replace {
        reference: Reference,
        manifest: Value,
        uid: String,
    },
    /// Makes a Secret, where none is there.
    MakeSecret {
        reference: Reference,
        secret: MadeSecret,
    },
    /// Gives a Secret the value that whoever applies has.
    ChangeSecret {
        reference: Reference,
        secret: MadeSecret,
        uid: String,
    },
    /// Starts the pods of a workload again, because a Secret has changed.
    Restart { reference: Reference, uid: String },
    /// Removes an object, and waits until it and what it owns are gone.
    Delete { reference: Reference, uid: String },
}
