//! Sidecars, and what is left of init steps.

use kcc_plan::Step;

use super::*;

const PROXY: &str = "shop-dev-web_proxy";
const UPLOAD: &str = "shop-dev-migrate_upload";

/// The shop with a sidecar of its service and one of its job.
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

/// All is well: the job is done, and its sidecar gone.
fn well(docker: &DockerDesired) -> Observed {
    let mut observed = as_desired(docker);
    observed.containers.remove(UPLOAD);
    observed
}

fn proxy(observed: &mut Observed) -> &mut ObservedContainer {
    observed.containers.get_mut(PROXY).unwrap()
}

#[test]
fn a_sidecar_stays_while_its_main_container_does() {
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
fn a_sidecar_is_made_anew_with_its_main_container() {
    let mut docker = accompanied();
    let observed = well(&docker);
    wanted(&mut docker, "web").memory = Some(1 << 20);
    let plan = plan(&docker, &observed);
    let [web, proxy] = &plan.steps[..] else {
        panic!("{}", plan.to_text());
    };
    // The new one may wait for its sidecar, which has one network at a time.
    let how = |step: &Step<Work>| match &step.work {
        Work::Replace { how, .. } => how.clone(),
        work => panic!("{work:?}"),
    };
    // The old one does not go on without the sidecar that it had.
    assert_eq!(
        how(web),
        Replacement::StopFirst {
            beside: vec![PROXY.to_owned()],
            until: Some(Until::Started),
        }
    );
    assert_eq!(how(proxy), stop_first(&[]));
    assert_eq!(proxy.operation.name, PROXY);
    assert_eq!(proxy.operation.cause, "`shop-dev-web` is made anew");
    assert_eq!(proxy.operation.after, [web.operation.id]);
}

#[test]
fn a_changed_sidecar_leaves_its_main_container_alone() {
    let mut docker = accompanied();
    let observed = well(&docker);
    docker.containers.get_mut(PROXY).unwrap().memory = Some(1 << 20);
    check(
        &docker,
        &observed,
        &["± replace container  shop-dev-web_proxy  `memory` changed [storefront]"],
    );
}

#[test]
fn a_sidecar_follows_the_network_of_its_main_container() {
    let docker = accompanied();
    let mut observed = well(&docker);
    there(&mut observed, "web").state = ContainerState::Exited(1);
    check(
        &docker,
        &observed,
        &[
            "> run container  shop-dev-web        not running (exit code 1) [storefront]",
            "> run container  shop-dev-web_proxy  `shop-dev-web` is started [storefront]",
        ],
    );
    let mut observed = well(&docker);
    there(&mut observed, "web").started_at = "2".to_owned();
    check(
        &docker,
        &observed,
        &["> run container  shop-dev-web_proxy  `shop-dev-web` was started again [storefront]"],
    );
    let mut observed = well(&docker);
    proxy(&mut observed).joined = Some("another".to_owned());
    check(
        &docker,
        &observed,
        &[
            "± replace container  shop-dev-web_proxy  it shares the network of a container that is gone [storefront]",
        ],
    );
}

#[test]
fn the_sidecar_of_a_job_goes_when_that_is_over() {
    let docker = accompanied();
    let mut observed = as_desired(&docker);
    check(
        &docker,
        &observed,
        &["- delete container  shop-dev-migrate_upload  its job is done [storefront]"],
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
        .map(|wait| (wait.name(), wait.until, wait.over))
        .collect();
    assert_eq!(waits, [("shop-dev-migrate", Until::Completed, true)]);
}

#[test]
fn a_job_that_cannot_be_replaced_ends_with_its_sidecar() {
    let mut docker = accompanied();
    let mut observed = as_desired(&docker);
    there(&mut observed, "migrate").state = ContainerState::Running;
    observed.containers.get_mut(UPLOAD).unwrap().state = ContainerState::Running;
    wanted(&mut docker, "migrate").memory = Some(1 << 20);
    let plan = plan(&docker, &observed);
    let how = Replacement::StopFirst {
        beside: vec![UPLOAD.to_owned()],
        until: None,
    };
    assert!(matches!(&plan.steps[0].work, Work::Replace { how: own, .. } if *own == how));
}

#[test]
fn what_an_init_step_left_goes_first() {
    let docker = accompanied();
    let mut observed = well(&docker);
    let mut left = proxy(&mut observed).clone();
    left.config_hash = None;
    for name in ["shop-dev-web_fetch", "shop-dev-web.new_folders"] {
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
            "- delete container  shop-dev-web.new_folders  an apply that was stopped left it [storefront]",
            "- delete container  shop-dev-web_fetch        an apply that was stopped left it [storefront]",
        ],
    );
}
