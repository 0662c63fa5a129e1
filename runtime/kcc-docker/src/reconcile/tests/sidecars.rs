//! Tests sidecars and leftovers of init steps.

use kcc_plan::Step;

use super::*;

const PROXY: &str = "shop-dev-web_proxy";
const UPLOAD: &str = "shop-dev-migrate_upload";

/// The shop with a sidecar for its service and one for its job.
fn accompanied() -> DockerDesired {
    let mut docker = shop();
    for (component, name) in [("web", PROXY), ("migrate", UPLOAD)] {
        let mut sidecar = container(component, "acme/web:1");
        sidecar.networks.clear();
        sidecar.sidecar_of = Some(format!("shop-dev-{component}"));
        docker.containers.insert(name.to_owned(), sidecar);
    }
    docker
}

/// An engine where the job has ended and its sidecar is removed.
fn well(docker: &DockerDesired) -> Observed {
    let mut observed = as_desired(docker);
    observed.containers.remove(UPLOAD);
    observed
}

fn proxy(observed: &mut Observed) -> &mut ObservedContainer {
    observed.containers.get_mut(PROXY).unwrap()
}

#[test]
fn a_sidecar_stays_with_its_main_container() {
    let docker = accompanied();
    let mut observed = well(&docker);
    check(&docker, &observed, &[]);
    observed.containers.remove(PROXY);
    check(
        &docker,
        &observed,
        &["+ create container  shop-dev-web_proxy  does not exist [storefront]"],
    );
}

#[test]
fn replaces_a_sidecar_with_its_main_container() {
    let mut docker = accompanied();
    let observed = well(&docker);
    wanted(&mut docker, "web").memory = Some(1 << 20);
    let plan = plan(&docker, &observed);
    let [web, proxy] = &plan.steps[..] else {
        panic!("{}", plan.to_text());
    };
    // The new container may wait for its sidecar, which joins one network at a time.
    let how = |step: &Step<Payload>| match &step.payload {
        Payload::Replace { how, .. } => how.clone(),
        payload => panic!("{payload:?}"),
    };
    // The old container must not continue without the sidecar that it had.
    assert_eq!(
        how(web),
        Replacement::StopFirst {
            sidecars: vec![PROXY.to_owned()],
            until: Some(Until::Started),
            resumes: true,
        }
    );
    assert_eq!(how(proxy), stop_first(&[]));
    assert_eq!(proxy.operation.name, PROXY);
    assert_eq!(proxy.operation.cause, "`shop-dev-web` is replaced");
    assert_eq!(proxy.operation.after, [web.operation.id]);
}

#[test]
fn a_changed_sidecar_does_not_affect_its_main_container() {
    let mut docker = accompanied();
    let observed = well(&docker);
    docker.containers.get_mut(PROXY).unwrap().memory = Some(1 << 20);
    check(
        &docker,
        &observed,
        &[
            "± replace container  shop-dev-web_proxy  `memory` changed [storefront]",
            "memory: none → 1048576",
        ],
    );
}

#[test]
fn a_sidecar_follows_the_network_of_its_main_container() {
    let docker = accompanied();
    let mut observed = well(&docker);
    existing(&mut observed, "web").state = ContainerState::Exited(1);
    check(
        &docker,
        &observed,
        &[
            "> run container  shop-dev-web        not running (exit code 1) [storefront]",
            "state: \"exited (1)\" → \"running\"",
            "> run container  shop-dev-web_proxy  `shop-dev-web` is started [storefront]",
        ],
    );
    let mut observed = well(&docker);
    existing(&mut observed, "web").started_at = "2".to_owned();
    let restarted =
        &["> run container  shop-dev-web_proxy  `shop-dev-web` was restarted [storefront]"];
    check(&docker, &observed, restarted);
    // A paused one would go on without a network.
    proxy(&mut observed).state = ContainerState::Paused;
    check(&docker, &observed, restarted);
    let mut observed = well(&docker);
    proxy(&mut observed).joined = Some("another".to_owned());
    check(
        &docker,
        &observed,
        &[
            "± replace container  shop-dev-web_proxy  shares the network of a container that is gone [storefront]",
        ],
    );
}

#[test]
fn removes_the_sidecar_of_a_job_once_the_job_ended() {
    let docker = accompanied();
    let mut observed = as_desired(&docker);
    check(
        &docker,
        &observed,
        &["- delete container  shop-dev-migrate_upload  its job has ended [storefront]"],
    );
    observed.containers.remove("shop-dev-migrate");
    observed.containers.remove(UPLOAD);
    let plan = plan(&docker, &observed);
    let [job, sidecar, end] = &plan.steps[..] else {
        panic!("{}", plan.to_text());
    };
    assert_eq!(sidecar.operation.after, [job.operation.id]);
    assert_eq!(
        end.operation.after,
        [job.operation.id, sidecar.operation.id]
    );
    let waits: Vec<_> = end
        .waits
        .iter()
        .map(|wait| (wait.name(), wait.until, wait.or_failed))
        .collect();
    assert_eq!(waits, [("shop-dev-migrate", Until::Completed, true)]);
}

#[test]
fn stops_the_sidecar_of_a_job_that_cannot_be_replaced() {
    let mut docker = accompanied();
    let mut observed = as_desired(&docker);
    existing(&mut observed, "migrate").state = ContainerState::Running;
    observed.containers.get_mut(UPLOAD).unwrap().state = ContainerState::Running;
    wanted(&mut docker, "migrate").memory = Some(1 << 20);
    let plan = plan(&docker, &observed);
    let how = Replacement::StopFirst {
        sidecars: vec![UPLOAD.to_owned()],
        until: None,
        resumes: false,
    };
    assert!(matches!(&plan.steps[0].payload, Payload::Replace { how: own, .. } if *own == how));
}

#[test]
fn removes_leftover_init_steps_first() {
    let docker = accompanied();
    let mut observed = well(&docker);
    let mut left = proxy(&mut observed).clone();
    left.config_hash = None;
    for name in ["shop-dev-web_fetch", "shop-dev-web.new_directories"] {
        let object = object(name, Some("web"));
        let left = ObservedContainer {
            object,
            ..left.clone()
        };
        observed.containers.insert(name.to_owned(), left);
    }
    check(
        &docker,
        &observed,
        &[
            "- delete container  shop-dev-web.new_directories  left behind by an interrupted apply [storefront]",
            "- delete container  shop-dev-web_fetch            left behind by an interrupted apply [storefront]",
        ],
    );
}
