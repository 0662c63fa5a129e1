//! Tests the verdicts on changes outside kcc: one row for each kind of change.

use kcc_model::SecretProvider;
use kcc_plan::{
    Cause, Deviation, FieldChange, GeneratedSecrets, Inventory, InventoryObject, Scope, Secrets,
    Verdict,
};
use kcc_test_engines::drift::has_differences;
use kcc_tree::Engine;

use super::*;
use crate::{
    deviations::{Surroundings, deviations},
    drift,
    observed::Guest,
    reconcile::compare,
    records::Records,
};

/// A change of the shop: of what is desired, or of what the engine has.
type Change = fn(&mut World);

/// A shop as it was applied, and its record.
struct World {
    docker: DockerDesired,
    observed: Observed,
    records: Records,
    guests: Vec<Guest>,
}

impl World {
    fn new() -> Self {
        let docker = shop();
        let observed = as_desired(&docker);
        let containers = observed.containers.iter();
        let containers = containers.map(|(name, one)| ("container", name, &one.object));
        let networks = observed.networks.iter();
        let networks = networks.map(|(name, one)| ("network", name, one));
        let volumes = observed.volumes.iter();
        let volumes = volumes.map(|(name, one)| ("volume", name, one));
        let all = containers.chain(networks).chain(volumes);
        let objects = all.map(|(kind, name, object)| InventoryObject {
            kind: kind.to_owned(),
            name: name.clone(),
            id: object.id.clone(),
            component: object.component.clone(),
            team: object.team.clone(),
            config: None,
        });
        let records = Records {
            inventory: Some(Inventory {
                scope: Scope::of(&desired(&docker)),
                engine: Engine::Docker,
                since: 0,
                objects: objects.collect(),
                after: BTreeMap::new(),
                unapplied: kcc_plan::Unapplied::default(),
                secrets: BTreeSet::new(),
                shared: BTreeSet::new(),
            }),
            ..Records::default()
        };
        Self {
            docker,
            observed,
            records,
            guests: Vec::new(),
        }
    }

    fn existing(&mut self, component: &str) -> &mut ObservedContainer {
        existing(&mut self.observed, component)
    }

    fn deviations(&self) -> Vec<Deviation> {
        let options = Options {
            prune: Prune::None,
            recorded: true,
            ..Options::default()
        };
        let plan = compare(
            &desired(&self.docker),
            &self.docker,
            &self.observed,
            &options,
        );
        let surroundings = Surroundings {
            records: &self.records,
            guests: &self.guests,
        };
        deviations(&self.docker, &self.observed, &plan, &surroundings)
    }
}

fn set(world: &mut World, setting: &str, value: Value) {
    world.existing("web").settings[setting] = value;
}

/// Changes the process of `web` as an inspection reports it.
fn process(world: &mut World, change: fn(&mut crate::client::Process)) {
    let container = wanted(&mut world.docker, "web");
    container.command = Some(vec!["serve".to_owned()]);
    container.args = Some(vec!["-v".to_owned()]);
    container.user = Some("1000".to_owned());
    let literal = |text: &str| EnvValue::Literal(text.to_owned());
    container.env.insert("LOG".to_owned(), literal("info"));
    let key = EnvValue::Secret("key".to_owned());
    container.env.insert("KEY".to_owned(), key);
    let container = container.clone();
    let mut live = crate::client::Process {
        entrypoint: container.command.clone(),
        command: container.args.clone(),
        user: container.user.clone(),
        env: BTreeMap::from(
            [("LOG", "info"), ("KEY", "s3cret")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
    };
    change(&mut live);
    let mut secrets = Secrets::default();
    let generated = GeneratedSecrets {
        values: BTreeMap::from([("key".to_owned(), "s3cret".to_owned())]),
        ..GeneratedSecrets::default()
    };
    let provider = SecretProvider::Generate {};
    let providers = BTreeMap::from([("key".to_owned(), provider)]);
    secrets.add_generated(["key"], &providers, &generated);
    let image = BTreeMap::new();
    let found = drift::process(&container, &live, Some(&image), &BTreeMap::new(), &secrets);
    let labels = config::labels(&container);
    let web = world.existing("web");
    web.process = found;
    web.config_hash = labels.get("dev.kcc.config-hash").cloned();
}

/// Each kind of change, with the lines that it gives.
const CHANGES: &[(&str, Change, &[&str])] = &[
    ("nothing", |_| {}, &[]),
    (
        "docker update --memory",
        |world| set(world, "Memory", json!(128 << 20)),
        &["edited container/shop-dev-web memory: 134217728 → 67108864"],
    ),
    (
        "docker update --cpus",
        |world| set(world, "CpuQuota", json!(50_000)),
        &["edited container/shop-dev-web cpuMillis: 500 → none"],
    ),
    (
        "docker update --cpu-shares",
        |world| set(world, "CpuShares", json!(512)),
        &["edited container/shop-dev-web cpuShares: 512 → none"],
    ),
    (
        "docker update --restart",
        |world| set(world, "RestartPolicy", json!({"Name": "always"})),
        &["edited container/shop-dev-web restart: \"always\" → \"unlessStopped\""],
    ),
    (
        "docker update --pids-limit",
        |world| set(world, "PidsLimit", json!(100)),
        &["edited container/shop-dev-web HostConfig.PidsLimit: 100 → none"],
    ),
    (
        "docker update --cpuset-cpus",
        |world| set(world, "CpusetCpus", json!("0")),
        &["edited container/shop-dev-web HostConfig.CpusetCpus: \"0\" → none"],
    ),
    (
        "docker update of two settings",
        |world| {
            set(world, "CpuShares", json!(512));
            set(world, "Memory", json!(1 << 20));
        },
        &[
            "edited container/shop-dev-web cpuShares: 512 → none",
            "edited container/shop-dev-web memory: 1048576 → 67108864",
        ],
    ),
    (
        "docker network disconnect",
        |world| world.existing("web").networks.clear(),
        &["edited container/shop-dev-web networks.shop-dev: none → [\"web\"]"],
    ),
    (
        "docker network connect",
        |world| {
            let networks = &mut world.existing("web").networks;
            networks.insert("other".to_owned(), Attachment::default());
        },
        &["edited container/shop-dev-web networks.other: [] → none"],
    ),
    (
        "docker network connect without its alias",
        |world| {
            let networks = &mut world.existing("web").networks;
            networks.get_mut("shop-dev").unwrap().aliases.clear();
        },
        &["edited container/shop-dev-web networks.shop-dev: [] → [\"web\"]"],
    ),
    (
        "docker network rm and create",
        |world| {
            let networks = &mut world.existing("web").networks;
            networks.get_mut("shop-dev").unwrap().network = "older".to_owned();
        },
        &["edited container/shop-dev-web networks.shop-dev: none → [\"web\"]"],
    ),
    (
        "docker network rm",
        |world| {
            world.observed.networks.clear();
            let containers = world.observed.containers.values_mut();
            containers.for_each(|container| container.networks.clear());
        },
        &[
            "deleted network/shop-dev",
            "edited container/shop-dev-db networks.shop-dev: none → [\"db\"]",
            "edited container/shop-dev-web networks.shop-dev: none → [\"web\"]",
        ],
    ),
    (
        "a network of the same name that kcc did not make",
        |world| {
            let network = world.observed.networks.get_mut("shop-dev").unwrap();
            network.ownership = Ownership::Unmanaged;
        },
        &["recreated network/shop-dev"],
    ),
    (
        "docker volume rm",
        |world| world.observed.volumes.clear(),
        &["deleted volume/shop-dev-db-data"],
    ),
    (
        "docker pause",
        |world| world.existing("web").state = ContainerState::Paused,
        &["edited container/shop-dev-web state: \"paused\" → \"running\""],
    ),
    (
        "docker pause and update",
        |world| {
            world.existing("web").state = ContainerState::Paused;
            set(world, "CpuShares", json!(512));
        },
        &[
            "edited container/shop-dev-web cpuShares: 512 → none",
            "edited container/shop-dev-web state: \"paused\" → \"running\"",
        ],
    ),
    (
        "docker stop and update",
        |world| {
            world.existing("web").state = ContainerState::Exited(143);
            set(world, "CpuShares", json!(512));
        },
        &[
            "edited container/shop-dev-web cpuShares: 512 → none",
            "decayed container/shop-dev-web state: \"exited (143)\" → \"running\"",
        ],
    ),
    (
        "docker stop",
        |world| world.existing("web").state = ContainerState::Exited(143),
        &["decayed container/shop-dev-web state: \"exited (143)\" → \"running\""],
    ),
    (
        "a job that failed",
        |world| world.existing("migrate").state = ContainerState::Exited(1),
        &["decayed container/shop-dev-migrate state: \"exited (1)\" → \"running\""],
    ),
    (
        "a dead container",
        |world| world.existing("web").state = ContainerState::Dead,
        &["decayed container/shop-dev-web state: \"dead\" → \"running\""],
    ),
    (
        "docker rm",
        |world| _ = world.observed.containers.remove("shop-dev-web"),
        &["deleted container/shop-dev-web"],
    ),
    (
        "docker rename",
        |world| {
            let web = world.observed.containers.remove("shop-dev-web").unwrap();
            world.observed.containers.insert("old-web".to_owned(), web);
        },
        &["edited container/shop-dev-web name: \"old-web\" → \"shop-dev-web\""],
    ),
    (
        "docker rm and run",
        |world| {
            let web = world.existing("web");
            web.object.ownership = Ownership::Unmanaged;
            web.object.id = "another".to_owned();
            web.config_hash = None;
        },
        &["recreated container/shop-dev-web"],
    ),
    (
        "docker tag",
        |world| {
            let image = world.observed.images.get_mut("acme/web:1").unwrap();
            image.id = "sha256:other".to_owned();
        },
        &["image moved container/shop-dev-web image: \"sha256:other\" → \"sha256:acme/web:1\""],
    ),
    (
        "docker rmi -f",
        |world| _ = world.observed.images.remove("acme/web:1"),
        &["decayed image/acme/web:1 image: none → \"acme/web:1\""],
    ),
    (
        "an image that was built again by hand",
        |world| {
            let image = world.observed.images.get_mut("shop-app").unwrap();
            image.context_hash = None;
            world.observed.contexts.clear();
        },
        &[],
    ),
    (
        "a failed health check for good",
        |world| {
            let failed = Readiness::Failed(Cause::new("test", "crash loop: exit code 3"));
            let readiness = &mut world.observed.readiness;
            readiness.insert("shop-dev-web".to_owned(), failed);
        },
        &["decayed container/shop-dev-web"],
    ),
    (
        "a health check that may still pass",
        |world| {
            let waiting = Readiness::Waiting(Cause::new("test", "GET /: 503"));
            let readiness = &mut world.observed.readiness;
            readiness.insert("shop-dev-web".to_owned(), waiting);
        },
        &[],
    ),
    (
        "a foreign container on a network",
        |world| {
            world.guests.push(Guest {
                network: "shop-dev".to_owned(),
                name: "probe".to_owned(),
                id: "1".to_owned(),
            });
        },
        &["added container/probe networks.shop-dev: [] → none"],
    ),
    (
        "a container with copied labels",
        |world| {
            world.observed.doubtful.push(kcc_plan::LabelledObject {
                kind: "container".to_owned(),
                name: "copy".to_owned(),
                component: Some("web".to_owned()),
                team: None,
                recorded: false,
                doubt: Some("its name is not one of kcc's".to_owned()),
            });
        },
        &["added container/copy"],
    ),
    (
        "a container of kcc's that no record lists",
        |world| {
            let mut other = world.existing("web").clone();
            other.object.ownership = Ownership::Unrecorded;
            let containers = &mut world.observed.containers;
            containers.insert("shop-dev-other".to_owned(), other);
        },
        &["added container/shop-dev-other"],
    ),
    (
        "an apply that failed before it changed the container",
        |world| {
            wanted(&mut world.docker, "web").args = Some(vec!["serve".to_owned()]);
            let components = &mut world.observed.unapplied.components;
            components.insert("web".to_owned(), "it does not start".to_owned());
        },
        &["unfinished apply container/shop-dev-web args: none → [\"serve\"]"],
    ),
    (
        "an apply that was killed before it created the container",
        |world| {
            world.observed.containers.remove("shop-dev-web");
            world.observed.interrupted = true;
        },
        &["unfinished apply container/shop-dev-web"],
    ),
    (
        "a successor that a killed apply left behind",
        |world| {
            let new = world.existing("web").clone();
            let containers = &mut world.observed.containers;
            containers.insert("shop-dev-web.new".to_owned(), new);
        },
        &["unfinished apply container/shop-dev-web.new"],
    ),
    (
        "a secret that cannot be read here",
        |world| {
            world.observed.missing_secrets.push(MissingSecret {
                name: "stripe-key".to_owned(),
                why: "variable `STRIPE_KEY` is not set".to_owned(),
                help: "set it".to_owned(),
            });
        },
        &["unknown secret/stripe-key"],
    ),
    (
        "a process as it was applied",
        |world| process(world, |_| {}),
        &[],
    ),
    (
        "another command",
        |world| process(world, |live| live.entrypoint = Some(vec!["sh".to_owned()])),
        &["edited container/shop-dev-web command: *** → [\"serve\"]"],
    ),
    (
        "other arguments",
        |world| process(world, |live| live.command = None),
        &["edited container/shop-dev-web args: *** → [\"-v\"]"],
    ),
    (
        "another user",
        |world| process(world, |live| live.user = Some("root".to_owned())),
        &["edited container/shop-dev-web user: *** → \"1000\""],
    ),
    (
        "another value of a variable",
        |world| {
            process(world, |live| {
                _ = live.env.insert("LOG".to_owned(), "debug".to_owned());
            });
        },
        &["edited container/shop-dev-web env.LOG: *** → \"info\""],
    ),
    (
        "a variable that is gone",
        |world| process(world, |live| _ = live.env.remove("LOG")),
        &["edited container/shop-dev-web env.LOG: none → \"info\""],
    ),
    (
        "another variable",
        |world| {
            process(world, |live| {
                _ = live.env.insert("DEBUG".to_owned(), "1".to_owned());
            });
        },
        &["edited container/shop-dev-web env.DEBUG: *** → none"],
    ),
    (
        "another value of a secret",
        |world| {
            process(world, |live| {
                _ = live.env.insert("KEY".to_owned(), "other".to_owned());
            });
        },
        &["edited container/shop-dev-web env.KEY: changed"],
    ),
    // A restart changes nothing that was applied.
    (
        "docker restart",
        |world| world.existing("web").started_at = "2".to_owned(),
        &[],
    ),
    (
        "a restart by policy",
        |world| world.existing("web").state = ContainerState::Restarting,
        &[],
    ),
    // The engine derives the limit of swap.
    (
        "a derived limit of swap",
        |world| {
            set(world, "MemorySwap", json!(256 << 20));
            set(world, "Memory", json!(128 << 20));
        },
        &["edited container/shop-dev-web memory: 134217728 → 67108864"],
    ),
    (
        "networks in another order",
        |world| {
            let aliases = &mut wanted(&mut world.docker, "web").networks;
            let aliases = aliases.get_mut("shop-dev").unwrap();
            aliases.push("www".to_owned());
            let hash = wanted(&mut world.docker, "web").config_hash();
            let web = world.existing("web");
            web.config_hash = Some(hash);
            let attached = web.networks.get_mut("shop-dev").unwrap();
            attached.aliases = BTreeSet::from(["www", "web"].map(str::to_owned));
        },
        &[],
    ),
    (
        "a job that has ended",
        |world| world.existing("migrate").settings = json!({}),
        &[],
    ),
];

#[test]
fn every_kind_of_change_has_its_verdict() {
    for (name, change, expected) in CHANGES {
        let mut world = World::new();
        change(&mut world);
        has_differences(name, &world.deviations(), expected);
    }
}

#[test]
fn field_changes_are_those_of_the_plan() {
    let mut world = World::new();
    set(&mut world, "Memory", json!(128 << 20));
    let plan = plan(&world.docker, &world.observed);
    let planned: Vec<FieldChange> = plan.operations().flat_map(|o| o.changes.clone()).collect();
    let found = world.deviations().into_iter();
    let found: Vec<_> = found.filter_map(|found| found.change).collect();
    assert_eq!(found, planned);
    let mut verdicts = world.deviations().into_iter().map(|found| found.verdict);
    assert!(verdicts.all(Verdict::is_drift));
}
