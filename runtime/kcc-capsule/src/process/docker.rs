//! The containers of a Docker engine.

use std::collections::BTreeMap;

use kcc_lower::docker::{Container, DockerDesired, HealthCheck, Mount, Restart};
use kcc_model::{EnvValue, Name, Part as Piece, Secret};
use serde_json::{Value, json};

use super::{Part, Process, Unit, ephemeral, model_secret, mount, restart};

/// Returns the containers of all components; of several replicas the first.
pub(crate) fn processes(
    docker: &DockerDesired,
    secrets: &BTreeMap<Name, Secret>,
) -> BTreeMap<Unit, Process> {
    let mut all = BTreeMap::new();
    for (name, container) in &docker.containers {
        let part = match &container.sidecar_of {
            None => Part::Main,
            // Its name is that of the main container with its own.
            Some(main) => {
                let own = name.strip_prefix(main).unwrap_or(name);
                Part::Sidecar(own.trim_start_matches('_').to_owned())
            }
        };
        let unit = |part| Unit {
            component: container.component.clone(),
            part,
        };
        let main = part == Part::Main;
        if all.contains_key(&unit(part.clone())) {
            continue;
        }
        all.insert(unit(part), process(container, secrets));
        for step in container.init.iter().filter(|_| main) {
            let part = Part::Init(step.name.clone());
            all.insert(unit(part), process(&step.container, secrets));
        }
    }
    all
}

fn process(container: &Container, secrets: &BTreeMap<Name, Secret>) -> Process {
    let mut process = Process::default();
    process.set("image", container.image.as_str());
    process.set("command", container.command.clone());
    process.set("args", container.args.clone());
    process.set("workingDir", container.working_dir.clone());
    for (name, value) in &container.env {
        process.set(format!("env.{name}"), variable(value, secrets));
    }
    for (path, content) in &container.files {
        process.set(format!("file.{path}"), content.as_str());
    }
    for (path, content) in &container.binary_files {
        process.set(format!("binaryFile.{path}"), content.as_str());
    }
    for (path, source) in &container.mounts {
        let read_only = container.options(path).read_only;
        let kind = match source {
            Mount::Volume(_) => mount("volume", read_only),
            Mount::Tmpfs(options) => ephemeral(options.size.map(|size| size.0)),
            Mount::Shared(_) => ephemeral(None),
            Mount::Secret(name) => model_secret(secrets, name, false),
            Mount::Host(host) => mount(&format!("host {host}"), read_only),
        };
        process.set(format!("mount.{path}"), kind);
    }
    process.set("memory", container.memory);
    process.set("cpuMillis", container.cpu_millis);
    process.set("user", container.user.clone());
    process.set("readOnlyRoot", container.read_only);
    process.set("privileged", container.privileged);
    if !container.privileged {
        process.set("capabilities.add", container.add_capabilities.clone());
        process.set("capabilities.drop", container.dropped_capabilities());
    }
    process.set("health", container.health.as_ref().map(health));
    process.set(
        "restart",
        match container.restart {
            Restart::UnlessStopped => "always".to_owned(),
            Restart::No => restart(0),
            Restart::OnFailure(retries) => restart(retries.into()),
        },
    );
    process.set("stopSeconds", container.stop_timeout);
    process.set("hostNetwork", container.host_network);
    for (name, address) in &container.host_aliases {
        process.set(format!("host.{name}"), address.to_string());
    }
    process
}

fn variable(value: &EnvValue, secrets: &BTreeMap<Name, Secret>) -> String {
    match value {
        EnvValue::Literal(text) => text.clone(),
        EnvValue::Secret(name) => model_secret(secrets, name, false),
        EnvValue::Template(pieces) => pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Secret(name) => model_secret(secrets, name, false),
                Piece::Encoded(name) => model_secret(secrets, name, true),
            })
            .collect(),
        // The lowering fills them in.
        EnvValue::Config { .. } | EnvValue::Field(_) => String::new(),
    }
}

fn health(health: &HealthCheck) -> Value {
    json!({
        "check": health.check,
        "periodMs": health.interval_ms,
        "timeoutMs": health.timeout_ms,
        "failures": health.retries,
    })
}
