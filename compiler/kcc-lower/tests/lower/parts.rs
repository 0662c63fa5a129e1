//! Tests that a lowered target survives being written and read, whole and in parts.

use kcc_lower::{Desired, Lowered, Part};
use kcc_model::SecretProvider;

use crate::support::{System, shop::shop};

fn both() -> [Lowered; 2] {
    let docker = SecretProvider::Env("STRIPE".to_owned());
    let kubernetes = SecretProvider::Kubernetes {
        name: "stripe".to_owned(),
        key: "api".to_owned(),
        encoded_key: None,
    };
    [
        shop(System::docker(), docker).lowered(),
        shop(System::kubernetes(), kubernetes).lowered(),
    ]
}

#[test]
fn a_desired_state_survives_writing() {
    for lowered in both() {
        let json = serde_json::to_string(&lowered.desired).unwrap();
        let read: Desired = serde_json::from_str(&json).unwrap();
        assert_eq!(read, lowered.desired);
    }
}

#[test]
fn parts_make_up_the_whole() {
    for lowered in both() {
        let again = |part: &Part| -> Part {
            serde_json::from_str(&serde_json::to_string(part).unwrap()).unwrap()
        };
        let (shared, parts) = lowered.split();
        assert!(parts.contains_key("web") && !parts.contains_key("stripe"));
        let Desired {
            system,
            target,
            instance,
            ..
        } = lowered.desired.clone();
        // In another order than they were made.
        let parts = parts.iter().rev();
        let parts = parts.map(|(name, part)| (name.clone(), again(part)));
        let whole = Lowered::join((system, target, instance), again(&shared), parts);
        assert_eq!(whole, lowered);
    }
}
