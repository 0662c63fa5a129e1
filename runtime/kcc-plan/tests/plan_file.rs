//! Tests that a plan file allows the plan that was shown and no other.

#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::{collections::BTreeMap, sync::Arc};

use kcc_diag::Code;
use kcc_lower::{Desired, EngineDesired, docker::DockerDesired};
use kcc_plan::{Action, Choices, Draft, Options, Plan, PlanBuilder, PlanFile};
use kcc_test_engines::desired::component;
use kcc_tree::Engine;

fn desired(deadline_ms: u64) -> Desired {
    Desired {
        system: "shop".to_owned(),
        target: "dev".to_owned(),
        instance: None,
        components: BTreeMap::from([("web".to_owned(), component("storefront", &[], deadline_ms))]),
        shared: BTreeMap::new(),
        engine: EngineDesired::Docker(DockerDesired {
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            containers: BTreeMap::new(),
            secrets: BTreeMap::new(),
            probe_image: None,
        }),
    }
}

/// The name, cause and payload of a change of a container.
type Change = (&'static str, &'static str, &'static str);

/// Plans changes of containers.
fn plan(changes: &[Change]) -> Plan<String> {
    let mut plan = PlanBuilder::new(Engine::Docker, &desired(1), &Options::default());
    for (name, cause, payload) in changes {
        let payload = (*payload).to_owned();
        plan.push(Draft::new(
            Action::Replace,
            "container",
            *name,
            *cause,
            payload,
        ));
    }
    plan.finish()
}

fn file(changes: &[Change]) -> PlanFile {
    let plan = plan(changes).without_payloads();
    PlanFile::new(&plan, &desired(1), Choices::default())
}

/// Returns the refusal of a plan by the file of another one.
fn refusal(shown: &[Change], now: &[Change]) -> Option<String> {
    let file = file(shown);
    let file = PlanFile::parse(&file.to_text()).unwrap();
    let options = Options {
        planned: Some(Arc::new(file)),
        ..Options::default()
    };
    let error = options.check_planned(&plan(now), |_| false).err()?;
    assert_eq!(error.code, Code::ApplyStalePlan);
    Some(error.message)
}

const WEB: Change = ("web", "image changed", "old 1, new 2");
const CART: Change = ("cart", "env changed", "old 3, new 4");

#[test]
fn only_the_plan_that_was_shown_is_performed() {
    assert_eq!(refusal(&[WEB, CART], &[CART, WEB]), None);
    let refused = |shown: &[Change], now: &[Change], why: &str| {
        let message = refusal(shown, now).unwrap();
        let begin = "the plan is out of date: `dev` has changed since it was made: ";
        assert_eq!(message.strip_prefix(begin), Some(why));
    };
    let other_object = ("web", "image changed", "old 9, new 2");
    let why = "replace container `web` would do something else";
    refused(&[WEB, CART], &[other_object, CART], why);
    refused(&[WEB], &[("web", "dead", WEB.2)], why);
    let why = "replace container `web` is no longer needed";
    refused(&[WEB, CART], &[CART], why);
    let why = "replace container `cart` is needed: env changed";
    refused(&[WEB], &[WEB, CART], why);
    let why = "replace container `web` is no longer needed, and 1 more";
    refused(&[WEB], &[CART], why);
}

#[test]
fn operations_that_are_done_are_not_expected() {
    let file = file(&[WEB, CART]);
    let options = Options {
        planned: Some(Arc::new(file)),
        ..Options::default()
    };
    let done = |operation: &kcc_plan::Operation| operation.name == "web";
    assert!(options.check_planned(&plan(&[CART]), done).is_ok());
    assert!(options.check_planned(&plan(&[WEB]), done).is_err());
}

#[test]
fn a_changed_desired_state_is_refused() {
    let file = file(&[WEB]);
    assert!(file.check_desired(&desired(1)).is_ok());
    let error = file.check_desired(&desired(2)).unwrap_err();
    assert_eq!(
        error.message,
        "the plan is out of date: the desired state has changed since it was made"
    );
    assert_eq!(error.exit_code(), 3);
}

#[test]
fn other_files_are_not_plans() {
    let newer = PlanFile::parse(r#"{"version": 2, "steps": []}"#).unwrap_err();
    assert_eq!(newer, "it has version 2 of the format, expected 1");
    assert!(PlanFile::parse("[]").is_err());
    assert!(PlanFile::parse(r#"{"version": 1}"#).is_err());
}
