//! Tests that nothing is done to kcc's objects that no record lists.

use super::*;

/// Observes the target as another machine or user does.
fn unrecorded(docker: &DockerDesired) -> Observed {
    let mut observed = as_desired(docker);
    observed.recorded = false;
    let containers = observed
        .containers
        .values_mut()
        .map(|existing| &mut existing.object);
    let networks = observed.networks.values_mut();
    for object in containers
        .chain(networks)
        .chain(observed.volumes.values_mut())
    {
        object.ownership = Ownership::Unrecorded;
    }
    observed
}

fn refusal(
    docker: &DockerDesired,
    observed: &Observed,
    instance: Option<&str>,
) -> (String, String) {
    let desired = Desired {
        instance: instance.map(str::to_owned),
        ..desired(docker)
    };
    let options = Options::default();
    let planned = reconcile(&desired, docker, observed, &options).unwrap_err();
    let down = tear_down(&desired, observed, &BTreeMap::new(), &options).unwrap_err();
    assert_eq!(
        (planned.code, down.code),
        (Code::StateUnrecorded, Code::StateUnrecorded)
    );
    assert_eq!((planned.exit_code(), down.exit_code()), (3, 3));
    assert_eq!(planned.message, down.message);
    (planned.message, planned.help.unwrap_or_default())
}

#[test]
fn refuses_a_target_without_records() {
    let docker = shop();
    let (message, help) = refusal(&docker, &unrecorded(&docker), None);
    assert_eq!(
        message,
        "container `shop-dev-db` and 4 other objects were created by kcc, but no record lists them"
    );
    assert_eq!(
        help,
        "take them into the inventory: `kcc recover --target dev`"
    );
    let (_, help) = refusal(&docker, &unrecorded(&docker), Some("pr-12"));
    assert_eq!(
        help,
        "take them into the inventory: `kcc recover --target dev --instance pr-12`"
    );
}

#[test]
fn refuses_when_only_data_exists() {
    let docker = shop();
    let mut observed = unrecorded(&docker);
    observed.containers.clear();
    observed.networks.clear();
    let (message, _) = refusal(&docker, &observed, None);
    assert_eq!(
        message,
        "volume `shop-dev-db-data` was created by kcc, but no record lists it"
    );
}

#[test]
fn with_records_only_desired_names_are_refused() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    existing(&mut observed, "web").object.ownership = Ownership::Unrecorded;
    let planned = reconcile(&desired(&docker), &docker, &observed, &Options::default());
    assert_eq!(planned.unwrap_err().code, Code::StateUnrecorded);
    // Down only concerns recorded objects, and names the others.
    let down = tear_down(
        &desired(&docker),
        &observed,
        &BTreeMap::new(),
        &Options::default(),
    );
    let down = down.unwrap();
    assert!(
        !down
            .operations()
            .any(|operation| operation.name == "shop-dev-web")
    );
    let named = |plan: &Plan<Payload>| -> Vec<String> {
        let unrecorded = plan.findings.iter();
        let unrecorded = unrecorded.filter(|one| one.finding == FindingKind::Unrecorded);
        unrecorded.map(|one| one.name.clone()).collect()
    };
    assert_eq!(named(&down), ["shop-dev-web"]);
    // An unrecorded object that is no longer declared does not stop an apply either,
    // but something is left to do.
    let mut less = docker.clone();
    less.containers.remove("shop-dev-web");
    let plan = reconcile(&desired(&less), &less, &observed, &Options::default()).unwrap();
    assert!(plan.is_empty() && !plan.is_up_to_date());
    assert_eq!(named(&plan), ["shop-dev-web"]);
    let text = plan.to_text();
    let line = "! unrecorded container  shop-dev-web  created by kcc, but not in its record \
                [storefront]\n      help: take it back: `kcc recover --target dev`\n";
    assert!(text.ends_with(line), "{text}");
}
