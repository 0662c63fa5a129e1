//! The containers of a cluster's objects.

use std::collections::BTreeMap;

use kcc_lower::kubernetes::{KubernetesDesired, Object};
use serde_json::{Value, json};

use super::{FIELD, Part, Process, Unit, ephemeral, mount, restart, secret};

/// Returns the containers of all workloads.
pub(crate) fn processes(kube: &KubernetesDesired) -> BTreeMap<Unit, Process> {
    let mut all = BTreeMap::new();
    for object in &kube.objects {
        let Some(component) = &object.component else {
            continue;
        };
        let Some(pod) = pod_of(object) else { continue };
        let place = Pod {
            kube,
            object,
            spec: pod,
        };
        let unit = |part| Unit {
            component: component.clone(),
            part,
        };
        for container in list(&pod["containers"]) {
            let part = match text(&container["name"]) {
                name if name == *component => Part::Main,
                name => Part::Sidecar(name.to_owned()),
            };
            all.insert(unit(part), place.process(container));
        }
        for container in list(&pod["initContainers"]) {
            let name = text(&container["name"]).to_owned();
            let part = match container["restartPolicy"].as_str() {
                Some("Always") => Part::Sidecar(name),
                _ => Part::Init(name),
            };
            all.insert(unit(part), place.process(container));
        }
    }
    all
}

/// Returns the specification of the pods of a workload.
pub(crate) fn pod_of(object: &Object) -> Option<&Value> {
    let pointer = match object.kind.as_str() {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => "/spec/template/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => return None,
    };
    object.manifest.pointer(pointer)
}

/// The pods of a workload.
struct Pod<'a> {
    kube: &'a KubernetesDesired,
    object: &'a Object,
    spec: &'a Value,
}

impl Pod<'_> {
    fn process(&self, container: &Value) -> Process {
        let mut process = Process::default();
        let env = self.env(container);
        let words = |field: &str| {
            let words = list(&container[field]).iter();
            let words = words.map(|word| expand(text(word), &env));
            Value::from(words.collect::<Vec<_>>())
        };
        process.set("image", container["image"].clone());
        process.set("command", words("command"));
        process.set("args", words("args"));
        process.set("workingDir", container["workingDir"].clone());
        for (name, value) in &env {
            process.set(format!("env.{name}"), value.as_str());
        }
        self.contents(container, &mut process);
        let limits = &container["resources"]["limits"];
        process.set("memory", bytes(&limits["memory"]));
        process.set("cpuMillis", millis(&limits["cpu"]));
        self.security(container, &mut process);
        process.set("health", health(container));
        process.set("restart", self.restart(container));
        let grace = &self.spec["terminationGracePeriodSeconds"];
        process.set("stopSeconds", grace.clone());
        process.set("hostNetwork", self.spec["hostNetwork"].clone());
        for alias in list(&self.spec["hostAliases"]) {
            for name in list(&alias["hostnames"]) {
                process.set(format!("host.{}", text(name)), alias["ip"].clone());
            }
        }
        process
    }

    /// Returns the variables, in which earlier ones are expanded as the kubelet does.
    fn env(&self, container: &Value) -> BTreeMap<String, String> {
        let mut env = BTreeMap::new();
        for variable in list(&container["env"]) {
            let from = &variable["valueFrom"];
            let value = if let Some(value) = variable["value"].as_str() {
                expand(value, &env)
            } else if let Some(key) = from.get("secretKeyRef") {
                secret(text(&key["name"]), text(&key["key"]))
            } else if let Some(key) = from.get("configMapKeyRef") {
                let data = self.config_map(text(&key["name"]));
                text(&data[text(&key["key"])]).to_owned()
            } else if let Some(field) = from.get("fieldRef") {
                format!("{FIELD}{}>", text(&field["fieldPath"]))
            } else {
                String::new()
            };
            env.insert(text(&variable["name"]).to_owned(), value);
        }
        env
    }

    fn config_map(&self, name: &str) -> &Value {
        let mut objects = self.kube.objects.iter();
        let found = objects.find(|object| object.kind == "ConfigMap" && object.name == name);
        found.map_or(&Value::Null, |object| &object.manifest["data"])
    }

    fn binary(&self, name: &str) -> &Value {
        let mut objects = self.kube.objects.iter();
        let found = objects.find(|object| object.kind == "ConfigMap" && object.name == name);
        found.map_or(&Value::Null, |object| &object.manifest["binaryData"])
    }

    /// Adds files and mounts.
    fn contents(&self, container: &Value, process: &mut Process) {
        for mounted in list(&container["volumeMounts"]) {
            let (name, path) = (text(&mounted["name"]), text(&mounted["mountPath"]));
            let read_only = mounted["readOnly"].as_bool().unwrap_or_default();
            let volume = list(&self.spec["volumes"]).iter();
            let volume = volume.clone().find(|volume| text(&volume["name"]) == name);
            let Some(volume) = volume else {
                // A template of claims.
                process.set(format!("mount.{path}"), mount("volume", read_only));
                continue;
            };
            if volume.get("persistentVolumeClaim").is_some() {
                process.set(format!("mount.{path}"), mount("volume", read_only));
            } else if let Some(directory) = volume.get("emptyDir") {
                let size = bytes(&directory["sizeLimit"]).as_u64();
                process.set(format!("mount.{path}"), ephemeral(size));
            } else if let Some(host) = volume.get("hostPath") {
                let kind = format!("host {}", text(&host["path"]));
                process.set(format!("mount.{path}"), mount(&kind, read_only));
            }
            for (below, field, value) in self.files(volume) {
                let at = match mounted["subPath"].as_str() {
                    Some(part) if part == below => path.to_owned(),
                    Some(_) => continue,
                    None => format!("{}/{below}", path.trim_end_matches('/')),
                };
                process.set(format!("{field}.{at}"), value);
            }
        }
    }

    /// Returns the files in a volume of ConfigMaps and Secrets: the path in it, the kind
    /// of field, and the value.
    fn files(&self, volume: &Value) -> Vec<(String, &'static str, Value)> {
        let mut files = Vec::new();
        let projected = list(&volume["projected"]["sources"]).iter();
        for source in projected.chain([volume]) {
            if let Some(config) = source.get("configMap") {
                let name = text(&config["name"]);
                let data = [
                    ("file", self.config_map(name)),
                    ("binaryFile", self.binary(name)),
                ];
                for (field, data) in data {
                    for (key, value) in data.as_object().into_iter().flatten() {
                        let Some(path) = path_of(config, key) else {
                            continue;
                        };
                        files.push((path, field, value.clone()));
                    }
                }
            }
            if let Some(of) = source.get("secret") {
                let name = of["secretName"].as_str().unwrap_or(text(&of["name"]));
                for item in list(&of["items"]) {
                    let value = secret(name, text(&item["key"]));
                    files.push((text(&item["path"]).to_owned(), "mount", value.into()));
                }
            }
        }
        files
    }

    fn security(&self, container: &Value, process: &mut Process) {
        let (own, all) = (&container["securityContext"], &self.spec["securityContext"]);
        let of = |field: &str| own.get(field).or(all.get(field)).and_then(Value::as_i64);
        let user = of("runAsUser").map(|user| match of("runAsGroup") {
            Some(group) => format!("{user}:{group}"),
            None => user.to_string(),
        });
        process.set("user", user);
        process.set("readOnlyRoot", own["readOnlyRootFilesystem"].clone());
        process.set("privileged", own["privileged"].clone());
        if own["privileged"].as_bool() != Some(true) {
            process.set("capabilities.add", own["capabilities"]["add"].clone());
            process.set("capabilities.drop", own["capabilities"]["drop"].clone());
        }
    }

    fn restart(&self, container: &Value) -> String {
        let job = match self.object.kind.as_str() {
            "Job" => &self.object.manifest["spec"],
            "CronJob" => &self.object.manifest["spec"]["jobTemplate"]["spec"],
            _ => return "always".to_owned(),
        };
        if container["restartPolicy"].as_str() == Some("Always") {
            return "always".to_owned();
        }
        restart(job["backoffLimit"].as_u64().unwrap_or(6))
    }
}

/// Returns the path of a key in a volume; none if the volume selects others.
fn path_of(config: &Value, key: &str) -> Option<String> {
    let Some(items) = config["items"].as_array() else {
        return Some(key.to_owned());
    };
    let item = items.iter().find(|item| text(&item["key"]) == key)?;
    Some(text(&item["path"]).to_owned())
}

/// Returns the check that decides about readiness, as Docker has only one.
fn health(container: &Value) -> Value {
    let probes = ["readinessProbe", "startupProbe", "livenessProbe"];
    let Some(probe) = probes.iter().find_map(|probe| container.get(*probe)) else {
        return Value::Null;
    };
    let number = |value: &Value| value.as_u64();
    let check = if let Some(get) = probe.get("httpGet") {
        json!({"http": {"path": get["path"], "port": port(&get["port"], container)}})
    } else if let Some(tcp) = probe.get("tcpSocket") {
        json!({"tcp": {"port": port(&tcp["port"], container)}})
    } else if let Some(grpc) = probe.get("grpc") {
        json!({"grpc": {"port": port(&grpc["port"], container)}})
    } else {
        json!({"exec": probe["exec"]["command"]})
    };
    json!({
        "check": check,
        "periodMs": number(&probe["periodSeconds"]).unwrap_or(10) * 1000,
        "timeoutMs": number(&probe["timeoutSeconds"]).unwrap_or(1) * 1000,
        "failures": number(&probe["failureThreshold"]).unwrap_or(3),
    })
}

/// Returns the number of a port, which a probe may name.
fn port(port: &Value, container: &Value) -> Value {
    let Some(name) = port.as_str() else {
        return port.clone();
    };
    let mut ports = list(&container["ports"]).iter();
    let found = ports.find(|port| text(&port["name"]) == name);
    found.map_or(Value::Null, |port| port["containerPort"].clone())
}

/// Expands `$(NAME)` as the kubelet does: `$$` is a `$`, and what is unknown stays.
fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = after
            .strip_prefix('(')
            .and_then(|inner| inner.split_once(')'))
        {
            match env.get(name) {
                Some(value) => out.push_str(value),
                None => out.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out + rest
}

/// Returns a size in bytes.
fn bytes(quantity: &Value) -> Value {
    const SUFFIXES: [(&str, f64); 13] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("m", 1e-3),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("", 1.0),
    ];
    scaled(quantity, &SUFFIXES)
}

/// Returns CPU time in thousandths of a core.
fn millis(quantity: &Value) -> Value {
    scaled(quantity, &[("m", 1.0), ("", 1000.0)])
}

fn scaled(quantity: &Value, suffixes: &[(&str, f64)]) -> Value {
    let text = match quantity {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Value::Null,
    };
    let parsed = suffixes.iter().find_map(|(suffix, factor)| {
        let number: f64 = text.strip_suffix(suffix)?.parse().ok()?;
        Some(number * factor)
    });
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes are far below 2^53, and never negative"
    )]
    parsed.map_or(Value::Null, |number| Value::from(number.round() as u64))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_one_unit() {
        for (quantity, expected) in [
            (json!("64Mi"), json!(67_108_864)),
            (json!("1G"), json!(1_000_000_000)),
            (json!(1024), json!(1024)),
            (json!("1.5Gi"), json!(1_610_612_736)),
            (json!(null), json!(null)),
            (json!("many"), json!(null)),
        ] {
            assert_eq!(bytes(&quantity), expected, "{quantity}");
        }
        for (quantity, expected) in [(json!("500m"), 500), (json!("0.5"), 500), (json!(2), 2000)] {
            assert_eq!(millis(&quantity), json!(expected), "{quantity}");
        }
    }

    #[test]
    fn variables_are_expanded_as_the_kubelet_does() {
        let env = BTreeMap::from([("HOST".to_owned(), "db".to_owned())]);
        for (text, expected) in [
            ("tcp://$(HOST):5432", "tcp://db:5432"),
            ("$$(HOST)", "$(HOST)"),
            ("$(OTHER)", "$(OTHER)"),
            ("$5 $$", "$5 $"),
        ] {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }
}
