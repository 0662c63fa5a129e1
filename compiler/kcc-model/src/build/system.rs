//! `system`: its name, its teams and its targets, with what holds where they
//! are left out: one team that is named after the system, dev and test on
//! Docker, stage and prod on Kubernetes.

use std::collections::BTreeMap;

use kcc_diag::{Code, Span};
use kcc_tree::{ConfigTree, Path, SYSTEM_FILE, USUAL_TARGETS};

use super::{Cursor, Found, names};
use crate::lines::Lines;
use crate::owners::{COMPONENTS, DECLARED};
use crate::{EngineTarget, Name, Team};

/// The decoded `system`.
pub(crate) struct System {
    pub(crate) name: Name,
    pub(crate) teams: BTreeMap<Name, Team>,
    pub(crate) targets: BTreeMap<Name, Bound>,
}

/// A target and what it is bound to.
pub(crate) struct Bound {
    pub(crate) engine: EngineTarget,
    pub(crate) parity_accept: BTreeMap<String, String>,
}

/// Decodes `system`.
pub(crate) fn build(tree: &ConfigTree, found: &Found) -> System {
    let system = Cursor::new(
        &tree.system,
        Path::of(["system"]),
        Lines::system(tree),
        found,
    );
    let name = if let Some(name) = system.child("name") {
        let text = name.text().unwrap_or_default();
        names::check(&name, "system", &text);
        text
    } else {
        // What stands in a part of a file that could not be read is not missing.
        if !system.lines.lost("system") {
            let message = "the system has no name";
            let label = "`name` is missing";
            let mut error = system.error(Code::EvalMissingField, message, label);
            if error.labels.is_empty()
                && let Some(clause) = package_clause(tree)
            {
                error = error.primary(clause, label);
            }
            system.report(error.help("write `system: name: \"…\"` in `kcc.cue`"));
        }
        "system".to_owned()
    };
    let teams = teams(&system, &name);
    let targets = targets(&system, &name);
    System {
        name,
        teams,
        targets,
    }
}

/// The line below which `system` should stand.
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
            names::check(&team, "team", name);
            let texts = |field| {
                team.child(field)
                    .and_then(|list| list.texts())
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
                    let known = COMPONENTS.iter().chain(&DECLARED).copied();
                    names::check_pattern(&pattern, known, "anything that teams declare");
                }
            }
            (name.to_owned(), decoded)
        })
        .collect();
    if !declared.is_empty() {
        return declared;
    }
    let everything = COMPONENTS
        .iter()
        .chain(&DECLARED)
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

fn targets(system: &Cursor<'_>, name: &str) -> BTreeMap<Name, Bound> {
    let Some(declared) = system.child("targets") else {
        let engine = |target: &str, engine: &str| match engine {
            "docker" => EngineTarget::Docker {},
            _ => EngineTarget::Kubernetes {
                context: None,
                namespace: format!("{name}-{target}"),
                ingress_class: None,
                gateway: None,
                gateway_class: None,
            },
        };
        return USUAL_TARGETS
            .into_iter()
            .map(|(target, name)| {
                (
                    target.to_owned(),
                    Bound {
                        engine: engine(target, name),
                        parity_accept: BTreeMap::new(),
                    },
                )
            })
            .collect();
    };
    declared
        .fields()
        .filter_map(|(target, node)| {
            names::check(&node, "target", target);
            let engine = engine(&node, name, target)?;
            let parity_accept = node
                .below(&["parity", "accept"])
                .map(|accept| accept.text_map());
            let parity_accept = parity_accept.unwrap_or_default();
            Some((
                target.to_owned(),
                Bound {
                    engine,
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
            kubernetes.only(&[
                "context",
                "namespace",
                "ingressClass",
                "routes",
                "gateway",
                "gatewayClass",
            ]);
            let text = |field| kubernetes.child(field).and_then(|field| field.text());
            let namespace = text("namespace").unwrap_or_else(|| format!("{system}-{target}"));
            if let Some(written) = kubernetes.child("namespace") {
                names::check(&written, "namespace", &namespace);
            }
            let (gateway, gateway_class) = gateway(&kubernetes);
            Some(EngineTarget::Kubernetes {
                context: text("context"),
                namespace,
                ingress_class: text("ingressClass"),
                gateway,
                gateway_class,
            })
        }
        (docker, _) => {
            let message = match docker {
                Some(_) => format!("target `{target}` is bound to Docker and to Kubernetes"),
                None => format!("target `{target}` is bound to no engine"),
            };
            let error = node.error(Code::EvalMissingField, message, "one engine is expected");
            node.report(error.help("write `docker: {}` or `kubernetes: {}`"));
            None
        }
    }
}

/// The Gateway of a target's routes, which one option chooses: one that is
/// there, or the class of one that kcc makes.
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
            "remove it: a Gateway has a class of its own"
        } else {
            "write `routes: \"gateway\"`, or remove it"
        }));
        return (None, None);
    }
    let found = (text("gateway"), text("gatewayClass"));
    if let (Some(_), Some(_)) = &found
        && let Some(class) = target.child("gatewayClass")
    {
        let message = format!("`{}` has no effect beside `gateway`", class.path);
        let error = class.error(Code::EvalConflict, message, "no effect");
        target.report(
            error.help("remove it, or remove `gateway`: kcc makes a Gateway where none is named"),
        );
        return (None, None);
    }
    if chosen && found == (None, None) {
        super::component::missing(
            target,
            "`gateway`",
            "write the Gateway that its routes are attached to, as `gateway: \"name\"`, or the \
             class of one that kcc makes, as `gatewayClass: \"name\"`",
        );
    }
    if chosen { found } else { (None, None) }
}
