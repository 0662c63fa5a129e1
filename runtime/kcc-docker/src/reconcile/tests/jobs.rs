//! Tests jobs with several runs and containers that run on demand.

use super::*;

#[test]
fn creates_on_demand_containers_without_starting_them() {
    let mut docker = shop();
    let job = wanted(&mut docker, "migrate");
    job.on_demand = true;
    let mut observed = as_desired(&docker);
    let stopped = existing(&mut observed, "migrate");
    for state in [
        ContainerState::Created,
        ContainerState::Running,
        ContainerState::Exited(1),
    ] {
        stopped.state = state;
        let seen = Observed {
            containers: BTreeMap::from([("shop-dev-migrate".to_owned(), stopped.clone())]),
            ..as_desired(&docker)
        };
        let text = plan(&docker, &seen).to_text();
        assert!(!text.contains("migrate"), "{state:?}: {text}");
    }
    wanted(&mut docker, "migrate").memory = Some(1 << 20);
    let plan = plan(&docker, &observed);
    assert_eq!(
        plan.to_text().lines().nth(2),
        Some("  ± replace container  shop-dev-migrate  `memory` changed [payments]")
    );
    assert!(matches!(
        plan.steps[0].payload,
        Payload::Replace {
            how: Replacement::AtRest,
            ..
        }
    ));
    assert!(plan.steps[0].waits.is_empty(), "it does not start");
}

#[test]
fn a_container_waits_for_its_predecessors_to_complete() {
    let mut docker = shop();
    let mut second = wanted(&mut docker, "migrate").clone();
    second.after = vec!["shop-dev-migrate".to_owned()];
    docker
        .containers
        .insert("shop-dev-migrate-2".to_owned(), second);
    let mut observed = as_desired(&docker);
    observed.containers.remove("shop-dev-migrate");
    observed.containers.remove("shop-dev-migrate-2");
    let plan = plan(&docker, &observed);
    let [first, second] = &plan.steps[..] else {
        panic!("{}", plan.to_text());
    };
    assert!(!first.waits.iter().any(|wait| wait.object.is_some()));
    let own: Vec<_> = second
        .waits
        .iter()
        .filter(|wait| wait.object.is_some())
        .map(|wait| (wait.name(), wait.until))
        .collect();
    assert_eq!(own, [("shop-dev-migrate", Until::Completed)]);
    assert_eq!(second.operation.after, [first.operation.id]);
}
