//! The calls of each operation, in order. Pure. Whatever is left between two of them
//! is a state that the next plan completes: what is being removed is waited for, and
//! replicas that were handed over stay.

use kcc_lower::kubernetes::CreatedSecret;
use kcc_plan::{Calls, Tool};
use serde_json::Value;

use crate::{
    observed::{DEFINITION, Reference},
    payload::Payload,
};

/// One call to the server, or one wait for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    /// Applies a manifest; a `uid` in it keeps another object of its name as it is.
    Apply {
        reference: Reference,
        manifest: Value,
        force: bool,
    },
    /// Moves the fields that a tool has set to kcc.
    TakeOver {
        reference: Reference,
        uid: String,
        tool: Tool,
    },
    /// Hands fields over to the field manager that waits for an autoscaler.
    HandOver {
        reference: Reference,
        part: Value,
    },
    /// Waits until the kind of a definition is served.
    AwaitServed {
        reference: Reference,
    },
    Delete {
        reference: Reference,
        uid: String,
    },
    /// Waits until an object is gone or another one has its name; without a `uid`,
    /// until no object of its name is being removed.
    AwaitRemoval {
        reference: Reference,
        uid: Option<String>,
    },
    /// Creates a Secret. If it exists by now it stays.
    CreateSecret {
        reference: Reference,
        secret: CreatedSecret,
    },
    /// Makes a Secret kcc's, with its value.
    AdoptSecret {
        reference: Reference,
        secret: CreatedSecret,
        uid: String,
    },
    UpdateSecret {
        reference: Reference,
        secret: CreatedSecret,
        uid: String,
    },
    Restart {
        reference: Reference,
        uid: String,
        annotation: &'static str,
    },
}

/// Returns the calls that perform an operation. None is undone: an object that could
/// not be changed keeps its state, and one that was deleted is created by the next
/// apply.
pub(crate) fn calls(payload: &Payload) -> Vec<Calls<Call>> {
    vec![Calls::new(in_order(payload))]
}

fn in_order(payload: &Payload) -> Vec<Call> {
    match payload.clone() {
        Payload::Apply {
            reference,
            manifest,
            uid,
            after_removal,
            take_over,
            hand_over,
            force,
        } => {
            let mut calls = Vec::new();
            if after_removal {
                calls.push(Call::AwaitRemoval {
                    reference: reference.clone(),
                    uid: None,
                });
            }
            if let (Some(tool), Some(uid)) = (take_over, &uid) {
                calls.push(Call::TakeOver {
                    reference: reference.clone(),
                    uid: uid.clone(),
                    tool,
                });
            }
            if let Some(part) = hand_over {
                calls.push(Call::HandOver {
                    reference: reference.clone(),
                    part,
                });
            }
            calls.extend(application(reference, with_uid(manifest, uid), force));
            calls
        }
        Payload::Replace {
            reference,
            manifest,
            uid,
        } => {
            let mut calls = removal(reference.clone(), uid);
            calls.extend(application(reference, manifest, false));
            calls
        }
        Payload::CreateSecret { reference, secret } => {
            vec![Call::CreateSecret { reference, secret }]
        }
        Payload::AdoptSecret {
            reference,
            secret,
            uid,
        } => vec![Call::AdoptSecret {
            reference,
            secret,
            uid,
        }],
        Payload::UpdateSecret {
            reference,
            secret,
            uid,
        } => vec![Call::UpdateSecret {
            reference,
            secret,
            uid,
        }],
        Payload::Restart {
            reference,
            uid,
            annotation,
        } => vec![Call::Restart {
            reference,
            uid,
            annotation,
        }],
        Payload::Discard { reference, uid } => vec![Call::Delete { reference, uid }],
        Payload::Delete { reference, uid } => removal(reference, uid),
    }
}

/// Returns the calls that apply a manifest. Objects of a kind that it defines can be
/// applied afterwards.
fn application(reference: Reference, manifest: Value, force: bool) -> Vec<Call> {
    let served = (reference.kind == DEFINITION).then(|| Call::AwaitServed {
        reference: reference.clone(),
    });
    let apply = Call::Apply {
        reference,
        manifest,
        force,
    };
    [apply].into_iter().chain(served).collect()
}

/// Returns the calls that remove an object and wait until it is gone.
fn removal(reference: Reference, uid: String) -> Vec<Call> {
    vec![
        Call::Delete {
            reference: reference.clone(),
            uid: uid.clone(),
        },
        Call::AwaitRemoval {
            reference,
            uid: Some(uid),
        },
    ]
}

/// Adds the identity of the object to change to a manifest.
fn with_uid(mut manifest: Value, uid: Option<String>) -> Value {
    if let (Some(uid), Some(Value::Object(metadata))) = (uid, manifest.get_mut("metadata")) {
        metadata.insert("uid".to_owned(), Value::String(uid));
    }
    manifest
}
