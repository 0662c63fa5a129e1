//! Objects of kcc's own without a record: nothing is done, and nothing claimed.

use super::*;

/// What another machine or user sees of a target.
fn unrecorded(docker: &DockerDesired) -> Observed {
    let mut observed = as_desired(docker);
    observed.recorded = false;
    let containers = observed
        .containers
        .values_mut()
        .map(|there| &mut there.object);
    let networks = observed.networks.values_mut();
    for object in containers
        .chain(networks)
        .chain(observed.volumes.values_mut())
    {
        object.ownership = Ownership::Claimed;
    }
    observed
}

fn refusal(docker: &DockerDesired, observed: &Observed, options: &Options) -> (String, String) {
    let desired = desired(docker);
    let planned = reconcile(&desired, docker, observed, options).unwrap_err();
    let down = tear_down(&desired, observed, &BTreeMap::new(), options).unwrap_err();
    assert_eq!(
        (planned.code, down.code),
        (Code::StateUnrecorded, Code::StateUnrecorded)
    );
    assert_eq!((planned.exit_code(), down.exit_code()), (3, 3));
    assert_eq!(planned.message, down.message);
    (planned.message, planned.help.unwrap_or_default())
}

#[test]
fn a_target_without_its_record_is_not_touched() {
    let docker = shop();
    let (message, help) = refusal(&docker, &unrecorded(&docker), &Options::default());
    assert_eq!(
        message,
        "container `shop-dev-db` and 4 other objects were created by kcc from another machine or user"
    );
    assert_eq!(help, "take them back: `kcc recover --target dev`");
    let copy = Options {
        instance: Some("pr-12".to_owned()),
        ..Options::default()
    };
    let (_, help) = refusal(&docker, &unrecorded(&docker), &copy);
    assert_eq!(
        help,
        "take them back: `kcc recover --target dev --instance pr-12`"
    );
}

#[test]
fn data_alone_is_enough() {
    let docker = shop();
    let mut observed = unrecorded(&docker);
    observed.containers.clear();
    observed.networks.clear();
    let (message, _) = refusal(&docker, &observed, &Options::default());
    assert_eq!(
        message,
        "volume `shop-dev-db-data` was created by kcc from another machine or user"
    );
}

#[test]
fn a_record_that_lacks_an_object_is_asked_for_what_is_wanted_alone() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    there(&mut observed, "web").object.ownership = Ownership::Claimed;
    let planned = reconcile(&desired(&docker), &docker, &observed, &Options::default());
    assert_eq!(planned.unwrap_err().code, Code::StateUnrecorded);
    // Taking down what is known does not need the rest.
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
    // Nor does one that nobody wants any more stop an apply.
    let mut less = docker.clone();
    less.containers.remove("shop-dev-web");
    assert!(reconcile(&desired(&less), &less, &observed, &Options::default()).is_ok());
}
