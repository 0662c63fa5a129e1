//! Builders of components for tests.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{
    Bytes, Check, Component, Container, Cron, EnvValue, Expose, Health, Image, InitStep, Kind,
    Millis, Need, Port, Probe, Resources, Run, Security, Until, Volume, VolumeSource,
};
use kcc_tree::Path;

fn plain() -> Container {
    Container {
        image: Image::Reference("acme/app:1".to_owned()),
        command: None,
        args: None,
        platform: None,
        working_dir: None,
        user: None,
        env: BTreeMap::new(),
        host_paths: BTreeSet::new(),
        health: Health::default(),
        resources: Resources::default(),
        security: Security::default(),
    }
}

fn component(folder: &str, name: &str, kind: Kind) -> Component {
    Component {
        name: name.to_owned(),
        kind,
        team: "shop".to_owned(),
        path: Path::of([folder, name]),
        container: plain(),
        init: Vec::new(),
        sidecars: BTreeMap::new(),
        ports: BTreeMap::new(),
        aliases: Vec::new(),
        needs: BTreeMap::new(),
        host_aliases: BTreeMap::new(),
        replicas: 1,
        scale: None,
        volumes: BTreeMap::new(),
        host_network: false,
        devices: BTreeMap::new(),
        files: BTreeMap::new(),
        routes: BTreeMap::new(),
        stateful: false,
        every_node: false,
        manual: false,
        rollout: kcc_model::Rollout::default(),
        disruption: None,
        identity: kcc_model::Identity::default(),
        placement: kcc_model::Placement::default(),
        grace_period: Millis(30_000),
        deadline: Millis(300_000),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    }
}

pub(crate) fn service(name: &str) -> Component {
    component("services", name, Kind::Service)
}

pub(crate) fn job(name: &str, retries: u32) -> Component {
    component(
        "jobs",
        name,
        Kind::Job(Run {
            retries,
            ..Run::default()
        }),
    )
}

pub(crate) fn cron_job(name: &str, schedule: &str) -> Component {
    let cron = Cron {
        schedule: schedule.to_owned(),
        ..Cron::default()
    };
    component("cronJobs", name, Kind::CronJob(cron))
}

pub(crate) fn backing(name: &str, kind: &str) -> Component {
    let kind = Kind::Backing {
        kind: kind.to_owned(),
        outputs: BTreeMap::new(),
        external: false,
    };
    component("backing", name, kind)
}

/// Builder methods on components.
pub(crate) trait ComponentExt: Sized {
    fn port(self, name: &str, number: u16) -> Self;
    fn exposed(self, name: &str, number: u16, expose: Expose) -> Self;
    fn env(self, name: &str, value: EnvValue) -> Self;
    fn text(self, name: &str, value: &str) -> Self;
    fn needs(self, other: &str, until: Until) -> Self;
    fn file(self, path: &str, content: &str) -> Self;
    fn volume(self, name: &str, mount: &str, source: VolumeSource) -> Self;
    fn http_health(self, path: &str, port: u16) -> Self;
    fn args(self, args: &[&str]) -> Self;
    fn init(self, name: &str, command: &[&str]) -> Self;
    fn sidecar(self, name: &str, image: &str, port: u16) -> Self;
}

impl ComponentExt for Component {
    fn port(self, name: &str, number: u16) -> Self {
        self.exposed(name, number, Expose::No)
    }

    fn exposed(mut self, name: &str, number: u16, expose: Expose) -> Self {
        self.ports.insert(
            name.to_owned(),
            Port {
                expose,
                ..Port::inside(number)
            },
        );
        self
    }

    fn env(mut self, name: &str, value: EnvValue) -> Self {
        self.container.env.insert(name.to_owned(), value);
        self
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.env(name, EnvValue::Literal(value.to_owned()))
    }

    fn needs(mut self, other: &str, until: Until) -> Self {
        self.needs.insert(
            other.to_owned(),
            Need {
                until,
                port: None,
                optional: false,
                env: true,
            },
        );
        self
    }

    fn file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(
            path.to_owned(),
            kcc_model::File {
                content: kcc_model::FileContent::Content(content.to_owned()),
                access: kcc_model::FileAccess::default(),
                directory: None,
            },
        );
        self
    }

    fn volume(mut self, name: &str, mount: &str, source: VolumeSource) -> Self {
        if matches!(source, VolumeSource::HostPath(_)) {
            self.container.host_paths.insert(name.to_owned());
        }
        self.volumes.insert(
            name.to_owned(),
            Volume {
                mount: mount.to_owned(),
                source,
                mode: None,
                read_only: false,
                propagation: None,
            },
        );
        self
    }

    fn http_health(mut self, path: &str, port: u16) -> Self {
        let probe = probe(Check::Http {
            path: path.to_owned(),
            port,
        });
        self.container.health.readiness = Some(probe.clone());
        self.container.health.liveness = Some(probe);
        self
    }

    fn args(mut self, args: &[&str]) -> Self {
        self.container.args = Some(args.iter().map(|arg| (*arg).to_owned()).collect());
        self
    }

    fn init(mut self, name: &str, command: &[&str]) -> Self {
        let step = InitStep {
            name: name.to_owned(),
            container: Container {
                image: self.container.image.clone(),
                command: Some(command.iter().map(|word| (*word).to_owned()).collect()),
                ..plain()
            },
        };
        self.init.push(step);
        self
    }

    /// Adds a sidecar with a port of the same name.
    fn sidecar(mut self, name: &str, image: &str, port: u16) -> Self {
        let container = Container {
            image: Image::Reference(image.to_owned()),
            ..plain()
        };
        self.sidecars.insert(name.to_owned(), container);
        let port = Port {
            sidecar: Some(name.to_owned()),
            ..Port::inside(port)
        };
        self.ports.insert(name.to_owned(), port);
        self
    }
}

pub(crate) fn probe(check: Check) -> Probe {
    Probe {
        check,
        delay: Millis(0),
        period: Millis(1000),
        timeout: Millis(1000),
        failures: 3,
    }
}

pub(crate) fn persistent(size: u64) -> VolumeSource {
    VolumeSource::Persistent {
        size: Bytes(size),
        access: kcc_model::Access::ReadWriteOnce,
        class: None,
    }
}
