//! Tests that one plan leads from any observed state to the desired state, and that
//! each of its steps is possible when its turn comes: on many pseudorandom states
//! and a simulated engine.

use super::*;
use crate::observed::{Observed, SUCCESSOR};

/// A deterministic pseudorandom number generator.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

#[test]
fn any_state_converges_in_one_plan() {
    for seed in 1..2_000 {
        let mut chance = Chance(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15));
        let docker = vary(&mut chance);
        let mut observed = disturb(&as_desired(&vary(&mut chance)), &mut chance);
        observed.contexts = as_desired(&docker).contexts;
        let plan = plan(&docker, &observed);
        let text = plan.to_text();
        let mut done = BTreeSet::new();
        for step in &plan.steps {
            let operation = &step.operation;
            assert!(
                operation.after.iter().all(|id| done.contains(id)),
                "seed {seed}: {} comes before what it follows\n{text}",
                operation.name
            );
            done.insert(operation.id);
            perform(&mut observed, &operation.name, &step.payload)
                .unwrap_or_else(|why| panic!("seed {seed}: {}: {why}\n{text}", operation.name));
        }
        let again = super::plan(&docker, &observed);
        assert!(
            again.is_empty(),
            "seed {seed}:\n{text}\nthen\n{}",
            again.to_text()
        );
    }
}

/// Varies the shop's components, replicas, ports and settings.
fn vary(chance: &mut Chance) -> DockerDesired {
    let mut docker = shop();
    if chance.one_in(3) {
        let mut second = wanted(&mut docker, "web").clone();
        second.ports.clear();
        docker
            .containers
            .insert("shop-dev-web-2".to_owned(), second);
    }
    if chance.one_in(2) {
        let host = Some(8080 + u16::try_from(chance.below(2)).unwrap());
        wanted(&mut docker, "web").ports[0].host = host;
        let mut other = container("other", "acme/web:1");
        other.ports.push(Publish {
            container: 80,
            protocol: "tcp",
            host: host.map(|port| port ^ 1),
            address: None,
        });
        docker.containers.insert("shop-dev-other".to_owned(), other);
    }
    for name in ["shop-dev-db", "shop-dev-migrate", "shop-dev-other"] {
        if chance.one_in(5) {
            docker.containers.remove(name);
        }
    }
    for container in docker.containers.values_mut() {
        if chance.one_in(3) {
            container.memory = Some(chance.below(3) << 20);
        }
    }
    docker
}

/// Disturbs an engine as people, crashes and killed applies do.
fn disturb(observed: &Observed, chance: &mut Chance) -> Observed {
    let mut out = observed.clone();
    for (name, container) in &observed.containers {
        let existing = out.containers.get_mut(name).unwrap();
        match chance.below(16) {
            0 => {
                out.containers.remove(name);
            }
            1 => existing.state = ContainerState::Exited(137),
            2 => existing.state = ContainerState::Paused,
            3 => existing.state = ContainerState::Created,
            4 => existing.config_hash = None,
            5 => existing.image_id = "sha256:older".to_owned(),
            6 => existing.networks.clear(),
            7 => existing.state = ContainerState::Dead,
            8 => {
                let mut successor = container.clone();
                successor.object.id = format!("id of {name}{SUCCESSOR}");
                // The successor and the old container cannot hold one port.
                existing.state = ContainerState::Exited(0);
                if chance.one_in(2) {
                    out.containers.remove(name);
                }
                out.containers
                    .insert(format!("{name}{SUCCESSOR}"), successor);
            }
            9 => existing.settings = json!({"Memory": 1}),
            10 => _ = existing.process.secrets.insert("k".to_owned()),
            11 => {
                _ = existing
                    .networks
                    .insert("other".to_owned(), Attachment::default());
            }
            _ => {}
        }
    }
    // An image that is pulled may turn out to differ from the previous one, which
    // only the next plan notices.
    let older = |image: &String| {
        let mut existing = out.containers.iter();
        existing.any(|(name, existing)| {
            existing.image_id == "sha256:older" && {
                let known = &observed.containers[name.trim_end_matches(SUCCESSOR)];
                known.image_id == format!("sha256:{image}")
            }
        })
    };
    let kept: BTreeSet<String> = observed
        .images
        .keys()
        .filter(|image| older(image))
        .cloned()
        .collect();
    out.images
        .retain(|image, _| kept.contains(image) || !chance.one_in(4));
    for image in out
        .images
        .values_mut()
        .filter(|image| image.context_hash.is_some())
    {
        if chance.one_in(3) {
            image.context_hash = Some("c0".to_owned());
        }
    }
    out.networks.retain(|_, _| !chance.one_in(6));
    out.volumes.retain(|_, _| !chance.one_in(6));
    out
}

/// Performs a step as an engine would, or fails with the reason why it would not.
fn perform(observed: &mut Observed, name: &str, payload: &Payload) -> Result<(), String> {
    match payload {
        Payload::Pull { reference, .. } => {
            let image = ObservedImage {
                id: format!("sha256:{reference}"),
                context_hash: None,
                user: String::new(),
                platform: "linux/amd64".to_owned(),
                digests: Vec::new(),
                has_health_check: false,
            };
            observed.images.insert(reference.clone(), image);
        }
        Payload::Build {
            build,
            context_hash,
            ..
        } => {
            let context_hash = Some(context_hash.clone());
            let image = ObservedImage {
                id: format!("sha256:{}", build.tag),
                context_hash,
                user: String::new(),
                platform: "linux/amd64".to_owned(),
                digests: Vec::new(),
                has_health_check: false,
            };
            observed.images.insert(build.tag.clone(), image);
        }
        Payload::CreateNetwork { .. } => {
            let before = observed
                .networks
                .insert(name.to_owned(), object(name, None));
            free(before.is_none())?;
        }
        Payload::CreateVolume { .. } => {
            let before = observed.volumes.insert(name.to_owned(), object(name, None));
            free(before.is_none())?;
        }
        Payload::Create(new) => {
            free(!observed.containers.contains_key(name))?;
            make(observed, name, new)?;
        }
        Payload::Replace { new, old, .. } => {
            free(
                !observed
                    .containers
                    .contains_key(&format!("{name}{SUCCESSOR}")),
            )?;
            let before = observed
                .containers
                .remove(name)
                .ok_or("nothing is replaced")?;
            if before.object.id != *old {
                return Err("another one is replaced".to_owned());
            }
            make(observed, name, new)?;
        }
        Payload::Start { id, .. } | Payload::Restart { id, .. } | Payload::Unpause { id } => {
            let existing = observed
                .containers
                .get_mut(name)
                .ok_or("nothing is started")?;
            if existing.object.id != *id {
                return Err("another one is started".to_owned());
            }
            let job = existing.object.component.as_deref() == Some("migrate");
            existing.state = if job {
                ContainerState::Exited(0)
            } else {
                ContainerState::Running
            };
        }
        Payload::RemoveContainer { id } => {
            let gone = observed
                .containers
                .remove(name)
                .ok_or("nothing is removed")?;
            if gone.object.id != *id {
                return Err("another one is removed".to_owned());
            }
        }
        Payload::RemoveNetwork { .. } => {
            if observed
                .containers
                .values()
                .any(|existing| existing.networks.contains_key(name))
            {
                return Err("containers are connected to it".to_owned());
            }
            observed.networks.remove(name);
        }
        Payload::RemoveVolume => return Err("an apply removes no data".to_owned()),
        Payload::CopyVolume { .. } | Payload::RemoveFormer { .. } => {
            return Err("nothing is taken over".to_owned());
        }
    }
    Ok(())
}

fn free(free: bool) -> Result<(), String> {
    if free {
        Ok(())
    } else {
        Err("the name is taken".to_owned())
    }
}

fn make(
    observed: &mut Observed,
    name: &str,
    new: &crate::payload::NewContainer,
) -> Result<(), String> {
    let container = &new.container;
    let image = observed
        .images
        .get(&container.image)
        .ok_or("its image does not exist")?;
    if !container
        .networks
        .keys()
        .all(|network| observed.networks.contains_key(network))
    {
        return Err("its network does not exist".to_owned());
    }
    for mount in container.mounts.values() {
        if let Mount::Volume(volume) = mount
            && !observed.volumes.contains_key(volume)
        {
            return Err("its volume does not exist".to_owned());
        }
    }
    for port in &new.ports {
        let holds = |existing: &ObservedContainer| {
            !matches!(
                existing.state,
                ContainerState::Exited(_) | ContainerState::Dead | ContainerState::Created
            ) && existing.published.values().any(|held| *held == port.host)
        };
        if let Some((holder, _)) = observed
            .containers
            .iter()
            .find(|(_, existing)| holds(existing))
        {
            return Err(format!("port {} is held by {holder}", port.host));
        }
    }
    let job = container.restart == Restart::No;
    let created = ObservedContainer {
        object: object(name, Some(&container.component)),
        state: if job {
            ContainerState::Exited(0)
        } else {
            ContainerState::Running
        },
        config_hash: new.labels.get("dev.kcc.config-hash").cloned(),
        config_fields: new.labels.get("dev.kcc.config-fields").cloned(),
        image: container.image.clone(),
        image_id: image.id.clone(),
        published: new
            .ports
            .iter()
            .map(|port| ((port.container, port.protocol.to_owned()), port.host))
            .collect(),
        addresses: BTreeMap::new(),
        networks: attached(container, observed),
        joined: joined(container, observed),
        started_at: "1".to_owned(),
        settings: settings(),
        recorded: Some(settings()),
        process: ProcessDrift::default(),
    };
    observed.containers.insert(name.to_owned(), created);
    Ok(())
}
