//! Random small systems: up to six components with needs, volumes, secrets, ports,
//! replicas, init steps and sidecars.

use std::collections::BTreeMap;

use kcc_lower::{
    Desired, EngineDesired,
    docker::{
        Container, DockerDesired, HealthCheck, Image, InitStep, Mount, Network, Publish, Restart,
        Volume, label,
    },
};
use kcc_model::{Build, Check, EnvValue, SecretProvider, Until};
use kcc_test_engines::{
    desired::{component, container},
    simulation::Chance,
};

/// The most components.
const COMPONENTS: usize = 6;
/// The name of the main network and the prefix of all other names.
pub(super) const PREFIX: &str = "s-t";
/// The secret that some components read.
pub(super) const SECRET: &str = "key";
/// The variable that lets a container fail.
pub(super) const DOOMED: &str = "DOOMED";
/// The image that is built.
pub(super) const BUILT: &str = "built";

/// The seeds of a system: each component follows from its own.
#[derive(Debug, Clone)]
pub(super) struct Seeds {
    components: [Option<u64>; COMPONENTS],
    /// Decides which of two components has which port.
    ports: usize,
}

impl Seeds {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let mut components = [None; COMPONENTS];
        for seed in components.iter_mut().take(1 + chance.below(COMPONENTS)) {
            *seed = Some(chance.below(1 << 30) as u64);
        }
        Self {
            components,
            ports: chance.below(2),
        }
    }

    pub(super) fn change(&mut self, chance: &mut Chance) {
        for seed in &mut self.components {
            match chance.below(6) {
                0 => *seed = None,
                1 | 2 => *seed = Some(chance.below(1 << 30) as u64),
                _ => {}
            }
        }
        if chance.one_in(4) {
            self.ports ^= 1;
        }
    }

    pub(super) fn desired(&self) -> Desired {
        let mut docker = DockerDesired {
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            containers: BTreeMap::new(),
            secrets: BTreeMap::from([(SECRET.to_owned(), SecretProvider::Generate {})]),
            probe_image: None,
        };
        let main = Network {
            component: None,
            labels: labels(None),
        };
        docker.networks.insert(PREFIX.to_owned(), main);
        let mut components = BTreeMap::new();
        let mut earlier: Vec<(String, bool)> = Vec::new();
        for (index, seed) in self.components.iter().enumerate() {
            let Some(seed) = seed else { continue };
            let chance = &mut Chance::new(*seed);
            let name = format!("c{index}");
            let job = chance.one_in(6);
            let on_demand = !job && chance.one_in(6);
            let mut after = Vec::new();
            for (other, other_job) in &earlier {
                if chance.one_in(3) {
                    let until = match other_job {
                        true => Until::Completed,
                        false if chance.one_in(2) => Until::Started,
                        false => Until::Healthy,
                    };
                    after.push((other.as_str(), until));
                }
            }
            let mut own = component("payments", &after, 60_000);
            own.job = job;
            components.insert(name.clone(), own);
            if !on_demand {
                earlier.push((name.clone(), job));
            }
            let port = 8000 + (index ^ self.ports);
            let port = u16::try_from(port).unwrap();
            add(&mut docker, &name, port, (job, on_demand), chance);
        }
        Desired {
            system: "s".to_owned(),
            target: "t".to_owned(),
            instance: None,
            components,
            shared: BTreeMap::new(),
            engine: EngineDesired::Docker(docker),
        }
    }
}

fn labels(component: Option<&str>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (label::SYSTEM.to_owned(), "s".to_owned()),
        (label::TARGET.to_owned(), "t".to_owned()),
    ]);
    if let Some(component) = component {
        labels.insert(label::COMPONENT.to_owned(), component.to_owned());
        labels.insert(label::TEAM.to_owned(), "payments".to_owned());
    }
    labels
}

/// Adds the objects of a component.
fn add(
    docker: &mut DockerDesired,
    component: &str,
    port: u16,
    (job, on_demand): (bool, bool),
    chance: &mut Chance,
) {
    let name = format!("{PREFIX}-{component}");
    let image = match chance.below(4) {
        0 => BUILT.to_owned(),
        number => format!("image:{number}"),
    };
    let mut main = container(component, &image, PREFIX);
    main.labels = labels(Some(component));
    main.memory = Some(chance.below(3) as u64);
    main.read_only = chance.one_in(3);
    main.recreate = chance.one_in(8);
    main.on_demand = on_demand;
    main.restart = if job {
        Restart::No
    } else {
        Restart::UnlessStopped
    };
    for file in 0..chance.below(3) {
        main.files.insert(format!("/etc/f{file}/f"), "x".to_owned());
    }
    if chance.one_in(4) {
        let secret = Mount::Secret(SECRET.to_owned());
        main.mounts.insert("/run/key".to_owned(), secret);
    }
    if chance.one_in(3) {
        let volume = format!("{name}-data");
        let mut labels = labels(Some(component));
        labels.insert(label::VOLUME.to_owned(), format!("{component}-data"));
        docker.volumes.insert(
            volume.clone(),
            Volume {
                component: Some(component.to_owned()),
                team: "payments".to_owned(),
                labels,
            },
        );
        main.mounts
            .insert("/data".to_owned(), Mount::Volume(volume));
    }
    if chance.one_in(4) {
        let network = format!("{name}-net");
        docker.networks.insert(
            network.clone(),
            Network {
                component: Some(component.to_owned()),
                labels: labels(Some(component)),
            },
        );
        main.networks.insert(network, vec![component.to_owned()]);
    }
    if chance.one_in(3) {
        main.health = Some(HealthCheck {
            check: Check::Exec(vec!["true".to_owned()]),
            start_period_ms: 0,
            interval_ms: 1000,
            timeout_ms: 1000,
            retries: 3,
        });
    }
    if !job && !on_demand && chance.one_in(2) {
        main.ports.push(Publish {
            container: 80,
            protocol: "tcp",
            host: chance.one_in(2).then_some(port),
            address: None,
        });
    }
    if chance.one_in(3) {
        for step in 0..=chance.below(2) {
            let mut container = container(component, "image:1", PREFIX);
            container.networks.clear();
            container.labels = labels(Some(component));
            main.init.push(InitStep {
                name: format!("i{step}"),
                container,
            });
        }
    }
    let stateless = main.mounts.is_empty() && main.ports.is_empty();
    if stateless && !job && !on_demand && chance.one_in(2) {
        docker.containers.insert(format!("{name}-2"), main.clone());
    }
    if chance.one_in(4) {
        let mut sidecar = container(component, "image:2", PREFIX);
        sidecar.networks.clear();
        sidecar.labels = labels(Some(component));
        sidecar.sidecar_of = Some(name.clone());
        sidecar.on_demand = on_demand;
        let has_replicas = docker.containers.contains_key(&format!("{name}-2"));
        if !has_replicas && !on_demand {
            let full_name = Container::extra_name(&name, "side");
            docker.containers.insert(full_name, sidecar);
        }
    }
    docker.containers.insert(name, main);
    let containers = docker.containers.values();
    let images: Vec<_> = containers
        .flat_map(Container::with_init)
        .map(|container| (container.image.clone(), container.component.clone()))
        .collect();
    for (reference, component) in images {
        let build = (reference == BUILT).then(|| Build {
            tag: BUILT.to_owned(),
            context: ".".to_owned(),
            file: "Dockerfile".to_owned(),
            args: BTreeMap::new(),
            stage: None,
        });
        docker.images.entry(reference).or_insert(Image {
            component,
            platform: None,
            build,
            locked: None,
        });
    }
}

/// Lets a container of a system fail for good.
pub(super) fn doom(desired: &Desired, chance: &mut Chance) -> Desired {
    let mut desired = desired.clone();
    let EngineDesired::Docker(docker) = &mut desired.engine else {
        return desired;
    };
    let at = chance.below(docker.containers.len());
    if let Some(container) = docker.containers.values_mut().nth(at) {
        let value = EnvValue::Literal("1".to_owned());
        container.env.insert(DOOMED.to_owned(), value);
    }
    desired
}

/// Returns the objects of a system.
pub(super) fn docker(desired: &Desired) -> &DockerDesired {
    match &desired.engine {
        EngineDesired::Docker(docker) => docker,
        EngineDesired::Kubernetes(_) => panic!("it is a system on Docker"),
    }
}
