//! [`Payload`]: the data to perform one step. Everything is decided in it.

use kcc_lower::kubernetes::CreatedSecret;
use kcc_plan::Tool;
use serde::Serialize;
use serde_json::Value;

use crate::observed::Reference;

/// The payload of one step.
#[derive(Debug, Clone, Serialize)]
pub(crate) enum Payload {
    /// Applies a manifest.
    Apply {
        reference: Reference,
        manifest: Value,
        /// The identity of the object, so that no other one of its name is changed.
        uid: Option<String>,
        /// True if an object of its name is being removed and has to be gone first.
        after_removal: bool,
        /// The tool whose fields become kcc's first.
        take_over: Option<Tool>,
        /// The fields to hand over first to the field manager that waits for an
        /// autoscaler.
        hand_over: Option<Value>,
        /// True if it takes fields over from other managers: those that `--take`
        /// names, or a number that kcc's autoscaler has left.
        force: bool,
    },
    /// Removes an object and creates it again.
    Replace {
        reference: Reference,
        manifest: Value,
        uid: String,
    },
    /// Creates a Secret, unless it exists.
    CreateSecret {
        reference: Reference,
        secret: CreatedSecret,
    },
    /// Makes a Secret that another tool created kcc's, with its value.
    AdoptSecret {
        reference: Reference,
        secret: CreatedSecret,
        uid: String,
    },
    /// Updates a Secret to the provider's value.
    UpdateSecret {
        reference: Reference,
        secret: CreatedSecret,
        uid: String,
    },
    /// Restarts the pods of a workload.
    Restart {
        reference: Reference,
        uid: String,
        /// The annotation that holds the time and names the reason.
        annotation: &'static str,
    },
    /// Marks a claim for removal. It goes when no pod uses it any more.
    Discard { reference: Reference, uid: String },
    /// Removes an object, and waits until it and the objects it owns are gone.
    Delete { reference: Reference, uid: String },
}
