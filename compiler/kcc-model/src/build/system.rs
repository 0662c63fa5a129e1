//! Decodes `system`: its name, teams and targets. The defaults are one team named
//! after the system, `dev` and `test` on Docker, `stage` and `prod` on Kubernetes.

use std::collections::BTreeMap;

use kcc_diag::{Code, Span};
use kcc_tree::{ConfigTree, Engine, Path, SYSTEM_FILE, USUAL_TARGETS};

use super::{Cursor, Sink, names};
use crate::reporter::Reporter;
use crate::{EngineTarget, Name, PublicPorts, Team};
use kcc_tree::schema::{component_fields, declared_fields};

/// The resource that counts as a GPU by default.
const GPU: &str = "nvidia.com/gpu";

/// The decoded `system`.
pub(crate) struct System {
    pub(crate) name: Name,
    pub(crate) teams: BTreeMap<Name, Team>,
    pub(crate) targets: BTreeMap<Name, TargetBinding>,
    pub(crate) archive: Option<String>,
}

/// The engine and settings of a target.
pub(crate) struct TargetBinding {
    pub(crate) engine: EngineTarget,
    pub(crate) pin_images: bool,
    pub(crate) parity_accept: BTreeMap<String, String>,
}

/// Decodes `system`.
pub(crate) fn build(tree: &ConfigTree, sink: &Sink) -> System {
    let system = Cursor::new(
        &tree.system,
        Path::of(["system"]),
        Reporter::system(tree),
        sink,
    );
    let name = if let Some(name) = system.child("name") {
        let text = name.text().unwrap_or_default();
        names::validate(&name, "system", &text);
        text
    } else {
        let message = "the system has no name";
        let label = "missing `name`";
        let mut error = system.error(Code::EvalMissingField, message, label);
        if error.labels.is_empty()
            && let Some(clause) = package_clause(tree)
        {
            error = error.primary(clause, label);
        }
        let help = "write `system: name: \"…\"` in `kcc.cue`";
        system.report(error.missing("system").help(help));
        "system".to_owned()
    };
    let teams = teams(&system, &name);
    let targets = targets(&system, &name);
    System {
        name,
        teams,
        targets,
        archive: archive(&system),
    }
}

/// Decodes the address of the archive: a directory or a repository of a registry.
fn archive(system: &Cursor<'_>) -> Option<String> {
    let field = system.child("history")?.child("archive")?;
    let text = field.text()?;
    let help = match text.split_once("://") {
        None if !text.is_empty() => return Some(text),
        Some(("oci", repository)) => match repository.split_once('/') {
            Some((host, path))
                if !host.is_empty() && !path.is_empty() && !path.contains([':', '@']) =>
            {
                return Some(text);
            }
            _ => {
                "name a host and a repository without a tag, `oci://registry.acme.io/shop/history`"
            }
        },
        _ => "name a directory, or a repository as `oci://registry.acme.io/shop/history`",
    };
    let message = format!("`{text}` is not an archive");
    let error = field.error(Code::ModelBadPath, message, "not an archive");
    field.report(error.help(help));
    None
}

/// Returns the package clause of the system file, below which `system` belongs.
fn package_clause(tree: &ConfigTree) -> Option<Span> {
    let file = tree.files.find(SYSTEM_FILE)?;
    let text = tree.files.get(file)?.text();
    let start = text.find("package ").unwrap_or_default();
    let line = text[start..].lines().next()?;
    let [start, end] = [start, start + line.len()].map(u32::try_from);
    Some(Span {
        file,
        start: start.ok()?,
        end: end.ok()?,
    })
}

fn teams(system: &Cursor<'_>, name: &str) -> BTreeMap<Name, Team> {
    let declared: BTreeMap<Name, Team> = system
        .child("teams")
        .iter()
        .flat_map(|teams| teams.fields().collect::<Vec<_>>())
        .map(|(name, team)| {
            names::validate(&team, "team", name);
            let texts = |field| {
                team.child(field)
                    .and_then(|list| list.text_list())
                    .unwrap_or_default()
            };
            let decoded = Team {
                path: team
                    .child("path")
                    .and_then(|path| path.text())
                    .unwrap_or_default(),
                owners: texts("owners"),
                owns: texts("owns"),
                governs: texts("governs"),
            };
            for field in ["owns", "governs"] {
                for pattern in team.child(field).iter().flat_map(Cursor::items) {
                    let known = component_fields().iter().chain(declared_fields()).copied();
                    names::validate_pattern(&pattern, known, "a declaration");
                }
            }
            (name.to_owned(), decoded)
        })
        .collect();
    if !declared.is_empty() {
        return declared;
    }
    let everything = component_fields()
        .iter()
        .chain(declared_fields())
        .map(|field| (*field).to_owned())
        .collect();
    let whole = Team {
        path: ".".to_owned(),
        owners: Vec::new(),
        owns: Vec::new(),
        governs: everything,
    };
    BTreeMap::from([(name.to_owned(), whole)])
}

fn targets(system: &Cursor<'_>, name: &str) -> BTreeMap<Name, TargetBinding> {
    let Some(declared) = system.child("targets") else {
        let engine = |target: &str, engine: Engine| match engine {
            Engine::Docker => EngineTarget::Docker {},
            Engine::Kubernetes => EngineTarget::Kubernetes {
                context: None,
                namespace: format!("{name}-{target}"),
                ingress_class: None,
                gateway: None,
                gateway_class: None,
                public_ports: PublicPorts::default(),
                gpu: GPU.to_owned(),
            },
        };
        return USUAL_TARGETS
            .into_iter()
            .map(|(target, name)| {
                (
                    target.to_owned(),
                    TargetBinding {
                        engine: engine(target, name),
                        pin_images: false,
                        parity_accept: BTreeMap::new(),
                    },
                )
            })
            .collect();
    };
    if declared.fields().next().is_none() {
        // Without a target nothing would be checked.
        let message = "`system.targets` is empty";
        let error = declared.error(Code::EvalMissingField, message, "missing a target");
        declared.report(
            error.missing_here().help("add a target such as `dev: docker: {}`, or remove `targets` to get `dev`, `test`, `stage` and `prod`"),
        );
    }
    declared
        .fields()
        .filter_map(|(target, node)| {
            names::validate(&node, "target", target);
            let engine = engine(&node, name, target)?;
            let parity_accept = node
                .below(&["parity", "accept"])
                .map(|accept| accept.text_map());
            let parity_accept = parity_accept.unwrap_or_default();
            let images = node.child("images").and_then(|images| images.text());
            Some((
                target.to_owned(),
                TargetBinding {
                    engine,
                    pin_images: images.as_deref() == Some("digest"),
                    parity_accept,
                },
            ))
        })
        .collect()
}

fn engine(node: &Cursor<'_>, system: &str, target: &str) -> Option<EngineTarget> {
    let (docker, kubernetes) = (node.child("docker"), node.child("kubernetes"));
    match (docker, kubernetes) {
        (Some(_), None) => Some(EngineTarget::Docker {}),
        (None, Some(kubernetes)) => {
            let text = |field| kubernetes.child(field).and_then(|field| field.text());
            let namespace = text("namespace").unwrap_or_else(|| format!("{system}-{target}"));
            if let Some(written) = kubernetes.child("namespace") {
                names::validate(&written, "namespace", &namespace);
            }
            let (gateway, gateway_class) = gateway(&kubernetes);
            Some(EngineTarget::Kubernetes {
                context: text("context"),
                namespace,
                ingress_class: text("ingressClass"),
                gateway,
                gateway_class,
                public_ports: match text("publicPorts").as_deref() {
                    Some("nodePort") => PublicPorts::NodePort,
                    _ => PublicPorts::LoadBalancer,
                },
                gpu: text("gpu").unwrap_or_else(|| GPU.to_owned()),
            })
        }
        (docker, _) => {
            let message = match docker {
                Some(_) => format!("target `{target}` has both `docker` and `kubernetes`"),
                None => format!("target `{target}` has no engine"),
            };
            let mut error = node.error(Code::EvalMissingField, message, "expected one engine");
            if docker.is_none() {
                error = error.missing_here();
            }
            node.report(error.help("write `docker: {}` or `kubernetes: {}`"));
            None
        }
    }
}

/// Decodes the Gateway of a target's routes: the name of an existing one, or the
/// class of one that kcc creates.
fn gateway(target: &Cursor<'_>) -> (Option<String>, Option<String>) {
    let text = |field| target.child(field).and_then(|field| field.text());
    let chosen = text("routes").as_deref() == Some("gateway");
    let excluded: &[&str] = if chosen {
        &["ingressClass"]
    } else {
        &["gateway", "gatewayClass"]
    };
    let excluded = excluded.iter().find_map(|field| target.child(field));
    if let Some(other) = excluded {
        let routes = if chosen { "gateway" } else { "ingress" };
        let message = format!("`{}` has no effect with `routes: {routes:?}`", other.path);
        let error = other.error(Code::EvalConflict, message, "no effect");
        target.report(error.help(if chosen {
            "remove it: a Gateway has its own class"
        } else {
            "write `routes: \"gateway\"`, or remove it"
        }));
        return (None, None);
    }
    let found = (text("gateway"), text("gatewayClass"));
    if let (Some(_), Some(_)) = &found
        && let Some(class) = target.child("gatewayClass")
    {
        let message = format!("`{}` has no effect together with `gateway`", class.path);
        let error = class.error(Code::EvalConflict, message, "no effect");
        target.report(error.help("remove it, or remove `gateway` to have kcc create a Gateway"));
        return (None, None);
    }
    if chosen && found == (None, None) {
        target.report_missing(
            "`gateway`",
            "write `gateway: \"name\"` with the Gateway that routes attach to, or \
             `gatewayClass: \"name\"` with the class of one that kcc creates",
        );
    }
    if chosen { found } else { (None, None) }
}
