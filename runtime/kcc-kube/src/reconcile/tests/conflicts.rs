//! Tests plans for objects with fields that other managers own.

use kcc_plan::{Finding, FindingKind};

use super::*;
use crate::observed::ConflictResolution;

/// The resolution of a conflict about a Deployment's replicas.
fn left(kind: FindingKind) -> ConflictResolution {
    let mut manifest = shop().objects[5].manifest.clone();
    manifest["spec"]["left"] = json!(true);
    let finding = Finding {
        finding: kind,
        kind: "Deployment".to_owned(),
        name: "web".to_owned(),
        component: Some("web".to_owned()),
        team: None,
        cause: "3, set by `kubectl`".to_owned(),
        help: Some("to set our value: `x`".to_owned()),
        alternatives: vec!["to keep theirs: `y`".to_owned()],
        conflict: None,
    };
    ConflictResolution {
        manifest,
        force: false,
        findings: vec![finding],
    }
}

#[test]
fn a_default_that_gave_way_leaves_nothing_to_do() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    let web = key(&observed, "Deployment", "web");
    observed.resolutions.insert(web, left(FindingKind::Yielded));
    let plan = plan(&kube, &observed);
    assert!(plan.is_up_to_date());
    assert_eq!(
        plan.to_text(),
        "\
shop in prod: nothing to do, 9 objects unchanged

  = left Deployment  web  3, set by `kubectl` [storefront]
      help: to set our value: `x`
        or: to keep theirs: `y`
"
    );
}

#[test]
fn reports_a_conflict_and_plans_the_rest() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    let web = key(&observed, "Deployment", "web");
    observed
        .resolutions
        .insert(web, left(FindingKind::Conflict));
    would(&mut observed, "Deployment", "web", |web| {
        web["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = json!("debug");
    });
    would(&mut observed, "Service", "web", |web| {
        web["spec"]["ports"] = json!([{"port": 81}]);
    });
    let plan = plan(&kube, &observed);
    assert!(!plan.is_up_to_date());
    assert_eq!(
        plan.to_text(),
        "\
shop in prod: 2 to update, 1 conflict, 7 objects unchanged

  ~ update   Service     web  `ports` changed [storefront]
      spec.ports: none → [{\"port\":81}]
  ~ update   Deployment  web  `env.LOG` changed [storefront]
      spec.template.spec.containers.web.env.LOG.value: *** → \"debug\"
  ! conflict Deployment  web  3, set by `kubectl` [storefront]
      help: to set our value: `x`
        or: to keep theirs: `y`
"
    );
    let Payload::Apply {
        manifest, force, ..
    } = &plan.steps[1].payload
    else {
        panic!("expected an apply")
    };
    assert_eq!(manifest["spec"]["left"], true, "only the rest is applied");
    assert!(!force);
}
