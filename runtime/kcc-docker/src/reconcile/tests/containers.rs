//! Tests which containers are replaced or started, and the cause of each.

use super::*;

#[test]
fn names_the_changed_fields() {
    let mut docker = shop();
    let mut observed = as_desired(&docker);
    let web = wanted(&mut docker, "web");
    web.env
        .insert("LOG".to_owned(), EnvValue::Literal("debug".to_owned()));
    web.memory = Some(1 << 20);
    check(
        &docker,
        &observed,
        &[
            "± replace container  shop-dev-web  `env.LOG`, `memory` changed [storefront]",
            "env.LOG: none → \"debug\"",
            "memory: none → 1048576",
        ],
    );
    let web = wanted(&mut docker, "web");
    web.args = Some(vec!["serve".to_owned()]);
    web.user = Some("1000".to_owned());
    check(
        &docker,
        &observed,
        &[
            "± replace container  shop-dev-web  `args`, `env.LOG`, `memory` and 1 more changed [storefront]",
            "args: none → [\"serve\"]",
            "env.LOG: none → \"debug\"",
            "memory: none → 1048576",
            "user: none → \"1000\"",
        ],
    );
    existing(&mut observed, "web").config_fields = None;
    check(
        &docker,
        &observed,
        &["± replace container  shop-dev-web  configuration changed [storefront]"],
    );
}

#[test]
fn shows_live_values_that_cannot_be_secrets() {
    let mut docker = shop();
    let web = wanted(&mut docker, "web");
    web.env
        .insert("TOKEN".to_owned(), EnvValue::Literal("hunter2".to_owned()));
    web.args = Some(vec!["--token=hunter2".to_owned()]);
    web.memory = Some(1 << 20);
    let mut observed = as_desired(&docker);
    let existing = existing(&mut observed, "web");
    existing.settings["Memory"] = json!(1 << 20);
    existing.recorded = Some(existing.settings.clone());
    let web = wanted(&mut docker, "web");
    web.image = "acme/web:2".to_owned();
    web.env
        .insert("TOKEN".to_owned(), EnvValue::Secret("token".to_owned()));
    web.args = None;
    web.memory = Some(2 << 20);
    let plan = plan(&docker, &observed);
    let steps = plan.operations();
    let changes = steps.flat_map(|operation| &operation.changes);
    let lines: Vec<_> = changes.map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "args: *** → none",
            "env.TOKEN: *** → {\"secret\":\"token\"}",
            "image: \"acme/web:1\" → \"acme/web:2\"",
            "memory: 1048576 → 2097152",
        ]
    );
    assert!(!plan.to_text().contains("hunter2"));
}

#[test]
fn overlaps_unless_both_need_the_same_resource() {
    let mut docker = shop();
    docker
        .containers
        .retain(|_, container| container.restart != Restart::No);
    wanted(&mut docker, "web").ports.clear();
    let how = |docker: &DockerDesired, observed: &Observed| -> Vec<Replacement> {
        let mut changed = docker.clone();
        for container in changed.containers.values_mut() {
            container
                .env
                .insert("A".to_owned(), EnvValue::Literal("b".to_owned()));
        }
        let plan = plan(&changed, observed);
        let how = |payload: &Payload| match payload {
            Payload::Replace { how, .. } => Some(how.clone()),
            _ => None,
        };
        plan.steps
            .iter()
            .filter_map(|step| how(&step.payload))
            .collect()
    };
    let observed = as_desired(&docker);
    // The database writes to a volume.
    assert_eq!(
        how(&docker, &observed),
        [stop_first(&[]), Replacement::Overlap]
    );
    let mut stopped = observed.clone();
    existing(&mut stopped, "web").state = ContainerState::Exited(1);
    // It is not started again if the new one fails: it did not run before.
    let at_rest = Replacement::StopFirst {
        sidecars: Vec::new(),
        until: Some(Until::Healthy),
        resumes: false,
    };
    assert_eq!(how(&docker, &stopped)[1], at_rest);
    wanted(&mut docker, "web").ports.push(Publish {
        container: 8080,
        protocol: "tcp",
        host: None,
        address: None,
    });
    assert_eq!(how(&docker, &as_desired(&docker))[1], stop_first(&[]));
}

#[test]
fn starts_or_replaces_containers_that_do_not_run() {
    let docker = shop();
    let decision = |change: fn(&mut ObservedContainer), component: &str| {
        let mut observed = as_desired(&docker);
        change(existing(&mut observed, component));
        let plan = plan(&docker, &observed);
        plan.operations()
            .map(|o| format!("{} {}", o.action.as_str(), o.cause))
            .collect::<Vec<_>>()
    };
    let state = |component, change| decision(change, component);
    assert_eq!(
        state("web", |c| c.state = ContainerState::Exited(137)),
        ["run not running (exit code 137)"]
    );
    assert_eq!(
        state("web", |c| c.state = ContainerState::Paused),
        ["run paused"]
    );
    assert_eq!(
        state("web", |c| c.state = ContainerState::Restarting),
        [] as [&str; 0]
    );
    assert_eq!(
        state("web", |c| c.state = ContainerState::Created),
        ["replace an apply was interrupted while creating it"]
    );
    // Somebody may have started it before its files were written.
    assert_eq!(
        state("web", |c| {
            c.state = ContainerState::Exited(137);
            c.recorded = None;
        }),
        ["replace an apply was interrupted while creating it"]
    );
    assert_eq!(
        state("web", |c| c.networks.clear()),
        ["replace not connected to network `shop-dev`"]
    );
    assert_eq!(
        state("migrate", |c| c.state = ContainerState::Exited(1)),
        ["run did not complete (exit code 1); running it again"]
    );
    assert_eq!(
        state("migrate", |c| c.state = ContainerState::Running),
        [] as [&str; 0]
    );
    assert_eq!(
        state("migrate", |c| c.image_id = "sha256:older".to_owned()),
        ["replace image `shop-app` was rebuilt (older… → shop-app…)"]
    );
    assert_eq!(
        state("web", |c| c.image_id = "sha256:older".to_owned()),
        ["replace image `acme/web:1` was rebuilt (older… → acme/web:1…)"]
    );
}

#[test]
fn rebuilds_a_changed_context_before_its_containers() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    observed
        .contexts
        .insert("shop-app".to_owned(), "c2".to_owned());
    check(
        &docker,
        &observed,
        &[
            "~ update  image      shop-app          `app` changed [payments]",
            "± replace container  shop-dev-migrate  image `shop-app` is rebuilt [payments]",
        ],
    );
}

#[test]
fn replaces_replicas_one_after_the_other() {
    let mut docker = shop();
    wanted(&mut docker, "web").ports.clear();
    let second = wanted(&mut docker, "web").clone();
    docker
        .containers
        .insert("shop-dev-web-2".to_owned(), second);
    let observed = as_desired(&docker);
    for container in docker
        .containers
        .values_mut()
        .filter(|c| c.component == "web")
    {
        container.memory = Some(1 << 20);
    }
    let plan = plan(&docker, &observed);
    let after: Vec<_> = plan
        .operations()
        .map(|operation| operation.after.clone())
        .collect();
    assert_eq!(after, [vec![], vec![1]]);
}
