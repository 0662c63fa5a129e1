//! Desired and observed → the text of the plan, without an engine.

mod converge;
mod jobs;
mod sidecars;

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::{
    Desired, DesiredComponent, EngineDesired,
    docker::{
        Container, DockerDesired, HealthCheck, Image, Mount, Network, Publish, Restart, Volume,
    },
};
use kcc_model::{Build, Check, EnvValue, Until};
use kcc_plan::{Options, Plan, Prune};

use super::{reconcile, tear_down};
use crate::{
    config,
    observed::{
        ContainerState, Observed, ObservedContainer, ObservedImage, ObservedObject, Ownership,
    },
    work::{HostPort, Replacement, Work},
};

/// A service on an image that is fetched, a database with a volume, and a job
/// on an image that is built.
fn shop() -> DockerDesired {
    let mut docker = DockerDesired {
        networks: BTreeMap::from([(
            "shop-dev".to_owned(),
            Network {
                component: None,
                labels: BTreeMap::new(),
            },
        )]),
        volumes: BTreeMap::new(),
        images: BTreeMap::new(),
        containers: BTreeMap::new(),
        secrets: BTreeMap::new(),
    };
    let volume = Volume {
        component: "db".to_owned(),
        labels: BTreeMap::new(),
    };
    docker.volumes.insert("shop-dev-db-data".to_owned(), volume);
    let build = Build {
        tag: "shop-app".to_owned(),
        context: "app".to_owned(),
        file: "Dockerfile".to_owned(),
        args: BTreeMap::new(),
        stage: None,
    };
    let image = |component: &str, build| Image {
        component: component.to_owned(),
        build,
    };
    docker
        .images
        .insert("acme/web:1".to_owned(), image("web", None));
    docker
        .images
        .insert("postgres:16".to_owned(), image("db", None));
    docker
        .images
        .insert("shop-app".to_owned(), image("migrate", Some(build)));

    let mut web = container("web", "acme/web:1");
    web.ports.push(Publish {
        container: 8080,
        protocol: "tcp",
        host: None,
    });
    web.health = Some(HealthCheck {
        check: Check::Tcp { port: 8080 },
        start_period_ms: 0,
        interval_ms: 1000,
        timeout_ms: 1000,
        retries: 3,
    });
    let mut db = container("db", "postgres:16");
    db.mounts.insert(
        "/data".to_owned(),
        Mount::Volume("shop-dev-db-data".to_owned()),
    );
    let mut migrate = container("migrate", "shop-app");
    migrate.restart = Restart::No;
    for container in [web, db, migrate] {
        docker
            .containers
            .insert(format!("shop-dev-{}", container.component), container);
    }
    docker
}

pub(crate) fn container(component: &str, image: &str) -> Container {
    Container {
        component: component.to_owned(),
        image: image.to_owned(),
        command: None,
        args: None,
        working_dir: None,
        user: None,
        env: BTreeMap::new(),
        files: BTreeMap::new(),
        mounts: BTreeMap::new(),
        ports: Vec::new(),
        networks: BTreeMap::from([("shop-dev".to_owned(), vec![component.to_owned()])]),
        health: None,
        memory: None,
        cpu_millis: None,
        cpu_shares: None,
        restart: Restart::UnlessStopped,
        stop_timeout: 10,
        read_only: false,
        add_capabilities: Vec::new(),
        privileged: false,
        docker: None,
        recreate: false,
        on_demand: false,
        after: Vec::new(),
        init: Vec::new(),
        sidecar_of: None,
        labels: BTreeMap::new(),
    }
}

/// The identity of the container whose network one shares.
fn joined(container: &Container, observed: &Observed) -> Option<String> {
    let main = observed.containers.get(container.sidecar_of.as_ref()?)?;
    Some(main.object.id.clone())
}

fn desired(docker: &DockerDesired) -> Desired {
    let component = |name: &str, after: &[(&str, Until)]| DesiredComponent {
        team: if name == "web" {
            "storefront"
        } else {
            "payments"
        }
        .to_owned(),
        path: String::new(),
        job: name == "migrate",
        after: after
            .iter()
            .map(|(name, until)| ((*name).to_owned(), *until))
            .collect(),
        deadline_ms: 1000,
    };
    let all = [
        ("db", component("db", &[])),
        ("migrate", component("migrate", &[("db", Until::Started)])),
        ("web", component("web", &[("migrate", Until::Completed)])),
    ];
    let there = |name: &str| docker.containers.values().any(|c| c.component == name);
    Desired {
        system: "shop".to_owned(),
        target: "dev".to_owned(),
        components: all
            .into_iter()
            .filter(|(name, _)| there(name))
            .map(|(name, component)| (name.to_owned(), component))
            .collect(),
        engine: EngineDesired::Docker(docker.clone()),
    }
}

fn object(name: &str, component: Option<&str>) -> ObservedObject {
    ObservedObject {
        id: format!("id of {name}"),
        ownership: Ownership::Ours,
        component: component.map(str::to_owned),
        team: component.map(|_| "storefront".to_owned()),
    }
}

/// An engine on which everything is as it should be.
fn as_desired(docker: &DockerDesired) -> Observed {
    let mut observed = Observed::default();
    for name in docker.networks.keys() {
        observed.networks.insert(name.clone(), object(name, None));
    }
    for (name, volume) in &docker.volumes {
        observed
            .volumes
            .insert(name.clone(), object(name, Some(&volume.component)));
    }
    for (reference, image) in &docker.images {
        let context_hash = image.build.as_ref().map(|_| "c1".to_owned());
        observed
            .contexts
            .extend(context_hash.clone().map(|hash| (reference.clone(), hash)));
        let id = format!("sha256:{reference}");
        observed
            .images
            .insert(reference.clone(), ObservedImage { id, context_hash });
    }
    for (name, container) in &docker.containers {
        let labels = config::labels(container);
        let job = container.restart == Restart::No;
        let there = ObservedContainer {
            object: object(name, Some(&container.component)),
            state: if job {
                ContainerState::Exited(0)
            } else {
                ContainerState::Running
            },
            config_hash: labels.get("dev.kcc.config-hash").cloned(),
            config_fields: labels.get("dev.kcc.config-fields").cloned(),
            image_id: format!("sha256:{}", container.image),
            published: container
                .ports
                .iter()
                .map(|port| {
                    (
                        (port.container, "tcp".to_owned()),
                        port.host.unwrap_or(23_456),
                    )
                })
                .collect(),
            networks: container.networks.keys().cloned().collect(),
            joined: joined(container, &observed),
            started_at: "1".to_owned(),
        };
        observed.containers.insert(name.clone(), there);
    }
    observed
}

fn plan(docker: &DockerDesired, observed: &Observed) -> Plan<Work> {
    reconcile(&desired(docker), docker, observed, &Options::default()).unwrap()
}

/// The lines of a plan behind its head, without their indent.
fn check(docker: &DockerDesired, observed: &Observed, expected: &[&str]) {
    let text = plan(docker, observed).to_text();
    let lines: Vec<_> = text.lines().skip(2).map(str::trim_start).collect();
    assert_eq!(lines, expected, "\n{text}");
}

fn there<'a>(observed: &'a mut Observed, component: &str) -> &'a mut ObservedContainer {
    observed
        .containers
        .get_mut(&format!("shop-dev-{component}"))
        .unwrap()
}

fn wanted<'a>(docker: &'a mut DockerDesired, component: &str) -> &'a mut Container {
    docker
        .containers
        .get_mut(&format!("shop-dev-{component}"))
        .unwrap()
}

#[test]
fn an_empty_engine_gets_everything_in_order() {
    let docker = shop();
    let mut observed = Observed::default();
    observed
        .contexts
        .insert("shop-app".to_owned(), "c1".to_owned());
    check(
        &docker,
        &observed,
        &[
            "+ create network    shop-dev          it is not there",
            "+ create volume     shop-dev-db-data  it is not there [payments]",
            "+ create image      acme/web:1        the engine does not have it [storefront]",
            "+ create image      postgres:16       the engine does not have it [payments]",
            "+ create image      shop-app          `app` was never built [payments]",
            "+ create container  shop-dev-db       it is not there [payments]",
            "+ create container  shop-dev-migrate  it is not there [payments]",
            "+ create container  shop-dev-web      it is not there [storefront]",
        ],
    );
    let plan = plan(&docker, &observed);
    let after: Vec<_> = plan
        .operations()
        .map(|operation| operation.after.clone())
        .collect();
    assert_eq!(after[5..], [vec![1, 2, 4], vec![1, 5, 6], vec![1, 3, 7]]);
    let waits: Vec<_> = plan.steps[7]
        .waits
        .iter()
        .map(|wait| (&*wait.component, wait.until))
        .collect();
    assert_eq!(waits, [("migrate", Until::Completed)]);
    let ready: Vec<_> = plan
        .components
        .values()
        .map(|component| component.ready)
        .collect();
    let states = [Until::Started, Until::Completed, Until::Healthy];
    assert_eq!(ready, states.map(Some));
}

#[test]
fn what_is_as_it_should_be_is_left_alone() {
    let docker = shop();
    let plan = plan(&docker, &as_desired(&docker));
    assert_eq!(
        plan.to_text(),
        "shop in dev: nothing to do, 8 objects unchanged\n"
    );
}

#[test]
fn a_cause_names_the_fields() {
    let mut docker = shop();
    let mut observed = as_desired(&docker);
    let web = wanted(&mut docker, "web");
    web.env
        .insert("LOG".to_owned(), EnvValue::Literal("debug".to_owned()));
    web.memory = Some(1 << 20);
    check(
        &docker,
        &observed,
        &["± replace container  shop-dev-web  `env.LOG`, `memory` changed [storefront]"],
    );
    let web = wanted(&mut docker, "web");
    web.args = Some(vec!["serve".to_owned()]);
    web.user = Some("1000".to_owned());
    check(
        &docker,
        &observed,
        &[
            "± replace container  shop-dev-web  `args`, `env.LOG`, `memory` and 1 more changed [storefront]",
        ],
    );
    there(&mut observed, "web").config_fields = None;
    check(
        &docker,
        &observed,
        &["± replace container  shop-dev-web  its configuration changed [storefront]"],
    );
}

#[test]
fn a_successor_overlaps_unless_both_need_the_same_thing() {
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
        let how = |work: &Work| match work {
            Work::Replace { how, .. } => Some(*how),
            _ => None,
        };
        plan.steps
            .iter()
            .filter_map(|step| how(&step.work))
            .collect()
    };
    let observed = as_desired(&docker);
    // The database writes to a volume.
    assert_eq!(
        how(&docker, &observed),
        [Replacement::StopFirst, Replacement::Overlap]
    );
    let mut stopped = observed.clone();
    there(&mut stopped, "web").state = ContainerState::Exited(1);
    assert_eq!(how(&docker, &stopped)[1], Replacement::StopFirst);
    wanted(&mut docker, "web").ports.push(Publish {
        container: 8080,
        protocol: "tcp",
        host: None,
    });
    assert_eq!(
        how(&docker, &as_desired(&docker))[1],
        Replacement::StopFirst
    );
}

#[test]
fn what_stands_still_is_started_or_made_again() {
    let docker = shop();
    let verdict = |change: fn(&mut ObservedContainer), component: &str| {
        let mut observed = as_desired(&docker);
        change(there(&mut observed, component));
        let plan = plan(&docker, &observed);
        plan.operations()
            .map(|o| format!("{} {}", o.action.as_str(), o.cause))
            .collect::<Vec<_>>()
    };
    let state = |component, change| verdict(change, component);
    assert_eq!(
        state("web", |c| c.state = ContainerState::Exited(137)),
        ["run it does not run (exit code 137)"]
    );
    assert_eq!(
        state("web", |c| c.state = ContainerState::Paused),
        ["run it is paused"]
    );
    assert_eq!(
        state("web", |c| c.state = ContainerState::Restarting),
        [] as [&str; 0]
    );
    assert_eq!(
        state("web", |c| c.state = ContainerState::Created),
        ["replace an apply was stopped while it was made"]
    );
    assert_eq!(
        state("web", |c| c.networks.clear()),
        ["replace it is not connected to network `shop-dev`"]
    );
    assert_eq!(
        state("migrate", |c| c.state = ContainerState::Exited(1)),
        ["run it did not complete (exit code 1), and runs again"]
    );
    assert_eq!(
        state("migrate", |c| c.state = ContainerState::Running),
        [] as [&str; 0]
    );
    assert_eq!(
        state("migrate", |c| c.image_id = "sha256:older".to_owned()),
        ["replace it was made from another build of its image"]
    );
    // A fetched image that moved on is somebody's wish to be asked for by name.
    assert_eq!(
        state("web", |c| c.image_id = "sha256:older".to_owned()),
        [] as [&str; 0]
    );
}

#[test]
fn a_changed_context_is_built_before_its_containers() {
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
            "± replace container  shop-dev-migrate  its image is built anew [payments]",
        ],
    );
}

#[test]
fn a_port_without_a_number_is_kept_and_avoids_what_is_taken() {
    let mut docker = shop();
    let host = |plan: &Plan<Work>| {
        plan.steps.iter().find_map(|step| match &step.work {
            Work::Create(new) | Work::Replace { new, .. } => {
                new.ports.first().map(|port| port.host)
            }
            _ => None,
        })
    };
    let mut empty = as_desired(&docker);
    empty.containers.remove("shop-dev-web");
    let first = host(&plan(&docker, &empty)).unwrap();
    assert_eq!(host(&plan(&docker, &empty)), Some(first), "it is stable");
    empty.taken_ports = BTreeSet::from([first]);
    assert_ne!(host(&plan(&docker, &empty)), Some(first));

    let observed = as_desired(&docker);
    wanted(&mut docker, "web").memory = Some(1 << 20);
    let changed = plan(&docker, &observed);
    assert_eq!(host(&changed), Some(23_456));
    let Work::Replace { new, .. } = &changed.steps[0].work else {
        panic!("it is replaced")
    };
    let kept = HostPort {
        container: 8080,
        protocol: "tcp",
        host: 23_456,
        private: false,
    };
    assert_eq!(new.ports, [kept]);
}

#[test]
fn what_nobody_asks_for_goes_but_never_its_data() {
    let full = shop();
    let observed = as_desired(&full);
    let mut docker = full.clone();
    docker.containers.remove("shop-dev-db");
    docker.volumes.clear();
    check(
        &docker,
        &observed,
        &["- delete container  shop-dev-db  no fragment asks for it [storefront]"],
    );
    let keep = Options {
        prune: Prune::None,
        ..Options::default()
    };
    let plan = reconcile(&desired(&docker), &docker, &observed, &keep).unwrap();
    assert!(plan.is_empty(), "{}", plan.to_text());
}

#[test]
fn a_host_port_is_handed_over_in_one_plan() {
    let mut docker = shop();
    let mut old = container("old", "acme/web:1");
    old.ports.push(Publish {
        container: 80,
        protocol: "tcp",
        host: Some(8080),
    });
    docker.containers.insert("shop-dev-zold".to_owned(), old);
    let observed = as_desired(&docker);
    docker.containers.remove("shop-dev-zold");
    wanted(&mut docker, "web").ports[0].host = Some(8080);
    let plan = plan(&docker, &observed);
    let names: Vec<_> = plan
        .operations()
        .map(|operation| operation.name.as_str())
        .collect();
    assert_eq!(names, ["shop-dev-zold", "shop-dev-web"]);
    assert_eq!(plan.steps[1].operation.after, [1]);
}

#[test]
fn a_successor_that_was_left_goes_first() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    let web = observed.containers.remove("shop-dev-web").unwrap();
    observed
        .containers
        .insert("shop-dev-web.new".to_owned(), web);
    check(
        &docker,
        &observed,
        &[
            "- delete container  shop-dev-web.new  an apply that was stopped left it [storefront]",
            "+ create container  shop-dev-web      it is not there [storefront]",
        ],
    );
}

#[test]
fn of_two_networks_with_one_name_the_spare_one_goes_first() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    observed.containers.remove("shop-dev-web");
    let twin = ("shop-dev".to_owned(), object("twin", None));
    observed.twins.push(twin);
    let removal = "- delete network    shop-dev (id of twin)  an apply that was stopped left it beside another one";
    let web = "+ create container  shop-dev-web           it is not there [storefront]";
    check(&docker, &observed, &[removal, web]);
    let web = &plan(&docker, &observed).steps[1].operation;
    assert!(web.after.contains(&1), "{web:?}");

    // What kcc does not know stays.
    observed.twins[0].1.ownership = Ownership::Claimed;
    let web = "+ create container  shop-dev-web  it is not there [storefront]";
    check(&docker, &observed, &[web]);
}

#[test]
fn replicas_are_replaced_one_after_the_other() {
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

#[test]
fn what_is_in_the_way_is_named_with_everything_like_it() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    there(&mut observed, "db").object.ownership = Ownership::Claimed;
    there(&mut observed, "web").object.ownership = Ownership::Foreign;
    observed.networks.get_mut("shop-dev").unwrap().ownership = Ownership::Foreign;
    let error = reconcile(&desired(&docker), &docker, &observed, &Options::default()).unwrap_err();
    assert_eq!(error.code, Code::PlanForeignObject);
    assert_eq!(
        error.message,
        "container `shop-dev-db` carries kcc's labels, but this user's kcc did not make it, \
         and 2 more objects like it"
    );
    assert_eq!(
        error.help.unwrap(),
        "if nobody needs it: `docker rm -f shop-dev-db; docker rm -f shop-dev-web; \
         docker network rm shop-dev`"
    );
    // Data with our labels is used, whoever made it; without them it is not.
    let mut observed = as_desired(&docker);
    let volume = observed.volumes.get_mut("shop-dev-db-data").unwrap();
    volume.ownership = Ownership::Claimed;
    check(&docker, &observed, &[]);
    observed
        .volumes
        .get_mut("shop-dev-db-data")
        .unwrap()
        .ownership = Ownership::Foreign;
    let refused = reconcile(&desired(&docker), &docker, &observed, &Options::default());
    assert!(refused.is_err());
}

#[test]
fn everything_goes_down_from_the_outside_in() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    let stranger = object("stranger", None);
    let stranger = ObservedObject {
        ownership: Ownership::Claimed,
        ..stranger
    };
    observed
        .volumes
        .insert("shop-dev-other".to_owned(), stranger);
    let needs = |name: &str, other: &str| (name.to_owned(), BTreeSet::from([other.to_owned()]));
    let order = BTreeMap::from([needs("web", "migrate"), needs("migrate", "db")]);
    let desired = desired(&docker);
    let plan = tear_down(&desired, &observed, &order, &Options::default());
    assert_eq!(
        plan.to_text(),
        "shop in dev: 4 to delete, 1 object unchanged\n\n  \
         - delete container  shop-dev-web      everything is taken down [storefront]\n  \
         - delete container  shop-dev-migrate  everything is taken down [storefront]\n  \
         - delete container  shop-dev-db       everything is taken down [storefront]\n  \
         - delete network    shop-dev          everything is taken down\n"
    );
    let options = Options {
        volumes: true,
        ..Options::default()
    };
    let plan = tear_down(&desired, &observed, &order, &options);
    let data: Vec<_> = plan
        .operations()
        .filter(|operation| operation.destroys_data)
        .collect();
    assert_eq!(data.len(), 1);
    assert_eq!(
        (data[0].name.as_str(), data[0].cause.as_str()),
        ("shop-dev-db-data", "`--volumes` was given")
    );
}

#[test]
fn in_a_virtual_machine_checks_go_through_a_private_port() {
    let mut docker = shop();
    wanted(&mut docker, "web").ports.clear();
    let made = |in_machine: bool, docker: &DockerDesired| {
        let mut observed = as_desired(docker);
        observed.containers.remove("shop-dev-web");
        observed.in_machine = in_machine;
        let plan = plan(docker, &observed);
        let Work::Create(new) = &plan.steps[0].work else {
            panic!("it is made")
        };
        new.ports.clone()
    };
    assert_eq!(made(false, &docker), []);
    let ports = made(true, &docker);
    assert_eq!(
        (ports.len(), ports[0].container, ports[0].private),
        (1, 8080, true)
    );
    // It is no part of what is asked for: nothing changes where it is there.
    let mut observed = as_desired(&docker);
    observed.in_machine = true;
    check(&docker, &observed, &[]);
    wanted(&mut docker, "web").ports.push(Publish {
        container: 8080,
        protocol: "tcp",
        host: None,
    });
    assert!(made(true, &docker).iter().all(|port| !port.private));
}
