//! Tests reconcile from desired and observed state to the plan's text, without
//! an engine.

mod containers;
mod converge;
mod deviations;
mod drift;
mod host_ports;
mod jobs;
mod leftovers;
mod sidecars;
mod unrecorded;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::{
    Desired, EngineDesired,
    docker::{
        Container, DockerDesired, HealthCheck, Image, InitStep, Mount, Network, Publish, Restart,
        Volume,
    },
};
use kcc_model::RefusedUser;
use kcc_model::{Build, Check, EnvValue, Until};
use kcc_plan::{Cause, FindingKind, MissingSecret, Options, Plan, Prune, Readiness};
use kcc_test_engines::desired::{self, chain};
use serde_json::{Value, json};

use super::{reconcile, tear_down};
use crate::{
    config,
    observed::{
        Attachment, ContainerState, Observed, ObservedContainer, ObservedImage, ObservedObject,
        Ownership, ProcessDrift,
    },
    payload::{HostPort, Payload, Replacement},
};

/// A service with a pulled image, a database with a volume, and a job with a
/// built image.
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
        probe_image: None,
    };
    let volume = Volume {
        component: Some("db".to_owned()),
        team: "payments".to_owned(),
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
        platform: None,
        build,
        locked: None,
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
        address: None,
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

fn container(component: &str, image: &str) -> Container {
    desired::container(component, image, "shop-dev")
}

/// Returns the identity of the container whose network a sidecar shares.
fn joined(container: &Container, observed: &Observed) -> Option<String> {
    let main = observed.containers.get(container.sidecar_of.as_ref()?)?;
    Some(main.object.id.clone())
}

/// Returns the networks of a container that is connected to all desired ones.
fn attached(container: &Container, observed: &Observed) -> BTreeMap<String, Attachment> {
    let networks = container.networks.iter();
    let attached = networks.map(|(name, aliases)| {
        let existing = observed.networks.get(name);
        let attached = Attachment {
            network: existing
                .map(|network| network.id.clone())
                .unwrap_or_default(),
            address: None,
            aliases: aliases.iter().cloned().collect(),
        };
        (name.clone(), attached)
    });
    attached.collect()
}

/// The settings of a container as an engine reports them.
fn settings() -> Value {
    json!({"Memory": 64 << 20, "RestartPolicy": {"Name": "unless-stopped"}})
}

fn desired(docker: &DockerDesired) -> Desired {
    let existing = |name: &str| docker.containers.values().any(|c| c.component == name);
    let mut components = chain("db");
    components.retain(|name, _| existing(name));
    Desired {
        system: "shop".to_owned(),
        target: "dev".to_owned(),
        instance: None,
        components,
        shared: BTreeMap::new(),
        engine: EngineDesired::Docker(docker.clone()),
    }
}

fn object(name: &str, component: Option<&str>) -> ObservedObject {
    ObservedObject {
        id: format!("id of {name}"),
        ownership: Ownership::Owned,
        component: component.map(str::to_owned),
        team: component.map(|_| "storefront".to_owned()),
    }
}

/// An engine on which everything is as desired.
fn as_desired(docker: &DockerDesired) -> Observed {
    let mut observed = Observed {
        recorded: true,
        ..Observed::default()
    };
    for name in docker.networks.keys() {
        observed.networks.insert(name.clone(), object(name, None));
    }
    for (name, volume) in &docker.volumes {
        observed
            .volumes
            .insert(name.clone(), object(name, volume.component.as_deref()));
    }
    for (reference, image) in &docker.images {
        let context_hash = image.build.as_ref().map(|_| "c1".to_owned());
        observed
            .contexts
            .extend(context_hash.clone().map(|hash| (reference.clone(), hash)));
        let id = format!("sha256:{reference}");
        observed.images.insert(
            reference.clone(),
            ObservedImage {
                id,
                context_hash,
                user: String::new(),
                platform: "linux/amd64".to_owned(),
                digests: Vec::new(),
                has_health_check: false,
            },
        );
    }
    for (name, container) in &docker.containers {
        let labels = config::labels(container);
        let job = container.restart == Restart::No;
        let existing = ObservedContainer {
            object: object(name, Some(&container.component)),
            state: if job {
                ContainerState::Exited(0)
            } else {
                ContainerState::Running
            },
            config_hash: labels.get("dev.kcc.config-hash").cloned(),
            config_fields: labels.get("dev.kcc.config-fields").cloned(),
            image: container.image.clone(),
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
            addresses: BTreeMap::new(),
            networks: attached(container, &observed),
            joined: joined(container, &observed),
            started_at: "1".to_owned(),
            settings: settings(),
            recorded: Some(settings()),
            process: ProcessDrift::default(),
        };
        observed.containers.insert(name.clone(), existing);
    }
    observed
}

fn plan(docker: &DockerDesired, observed: &Observed) -> Plan<Payload> {
    reconcile(&desired(docker), docker, observed, &Options::default()).unwrap()
}

/// Checks the lines of a plan after its head, without their indent.
fn check(docker: &DockerDesired, observed: &Observed, expected: &[&str]) {
    let text = plan(docker, observed).to_text();
    let lines: Vec<_> = text.lines().skip(2).map(str::trim_start).collect();
    assert_eq!(lines, expected, "\n{text}");
}

fn existing<'a>(observed: &'a mut Observed, component: &str) -> &'a mut ObservedContainer {
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

/// The replacement that stops the old container and its sidecars first.
fn stop_first(sidecars: &[&str]) -> Replacement {
    Replacement::StopFirst {
        sidecars: sidecars.iter().map(|name| (*name).to_owned()).collect(),
        until: Some(Until::Healthy),
        resumes: true,
    }
}
