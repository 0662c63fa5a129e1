//! `needs`, and what they give: an edge of the graph and variables in the
//! environment. Done once all components are decoded, since `until` and the
//! variables depend on the other side.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::Path;

use super::component::Draft;
use super::env::{RawEnv, prefix};
use super::late::{self, Late};
use super::outputs::{NoOutput, resolve};
use super::{Cursor, Found, Scope};
use crate::owners::component_names;
use crate::{Component, EnvValue, Kind, Name, Need, Output, Port, Protocol, Until};

/// A need as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawNeed {
    until: Option<Until>,
    port: Option<Name>,
    optional: bool,
}

/// Decodes the needs of a component.
pub(crate) fn raw(node: &Cursor<'_>) -> BTreeMap<Name, RawNeed> {
    let Some(all) = node.child("needs") else {
        return BTreeMap::new();
    };
    all.fields()
        .map(|(name, field)| {
            field.only(&["until", "port", "optional"]);
            let need = RawNeed {
                until: field.child("until").and_then(|until| self::until(&until)),
                port: field.child("port").and_then(|port| port.text()),
                optional: field
                    .child("optional")
                    .and_then(|flag| flag.flag())
                    .unwrap_or(false),
            };
            (name.to_owned(), need)
        })
        .collect()
}

fn until(node: &Cursor<'_>) -> Option<Until> {
    match node.text()?.as_str() {
        "started" => Some(Until::Started),
        "healthy" => Some(Until::Healthy),
        "completed" => Some(Until::Completed),
        other => {
            let message = format!("`{}`: there is no state `{other}`", node.path);
            let error = node.error(Code::EvalWrongType, message, "no such state");
            node.report(error.help("write `started`, `healthy` or `completed`"));
            None
        }
    }
}

/// Connects the components: completes their needs and their environment.
pub(crate) fn connect(
    scope: &Scope<'_>,
    drafts: BTreeMap<Name, Draft>,
    found: &Found,
) -> BTreeMap<Name, Component> {
    // What a draft needs is asked of all drafts, so none may be gone yet.
    let connected: Vec<_> = drafts
        .values()
        .map(|draft| {
            let value = |late: &Late| wanted(scope, draft, &drafts, found, late);
            let containers: Vec<_> = draft
                .open
                .iter()
                .map(|open| {
                    let env = environment(draft, &open.env, &drafts, value);
                    let words = open.words.iter().map(|word| value(&word.late));
                    (env, words.collect::<Vec<_>>())
                })
                .collect();
            let files: Vec<_> = draft.files.values().map(value).collect();
            (needs(draft, &drafts), containers, files)
        })
        .collect();
    drafts
        .into_iter()
        .zip(connected)
        .map(|((name, draft), (needs, containers, files))| {
            let mut component = draft.component;
            component.needs = needs;
            let open = draft.open.iter().zip(containers);
            for (container, (open, (env, words))) in component.containers_mut().zip(open) {
                container.env = env;
                for (word, value) in open.words.iter().zip(words) {
                    if let Some(value) = value {
                        word.put(value, container);
                    }
                }
            }
            for (path, value) in draft.files.into_keys().zip(files) {
                if let (Some(value), Some(file)) = (value, component.files.get_mut(&path)) {
                    file.content = late::file(value);
                }
            }
            (name, component)
        })
        .collect()
}

fn needs(draft: &Draft, all: &BTreeMap<Name, Draft>) -> BTreeMap<Name, Need> {
    draft
        .needs
        .iter()
        .map(|(name, raw)| {
            let other = all.get(name).map(|other| &other.component);
            let until = raw
                .until
                .unwrap_or_else(|| other.map_or(Until::Started, usual));
            let need = Need {
                until,
                port: raw.port.clone(),
                optional: raw.optional,
            };
            (name.clone(), need)
        })
        .collect()
}

/// The state that is waited for where a need says nothing.
fn usual(other: &Component) -> Until {
    if other.run().is_some() {
        Until::Completed
    } else if other.runs() && other.container.health.says_ready() {
        Until::Healthy
    } else {
        Until::Started
    }
}

/// The environment of a container: what the component's needs give, and what
/// the fragment says of it.
fn environment(
    draft: &Draft,
    own: &BTreeMap<String, RawEnv>,
    all: &BTreeMap<Name, Draft>,
    value: impl Fn(&Late) -> Option<EnvValue>,
) -> BTreeMap<String, EnvValue> {
    let mut env = BTreeMap::new();
    for (name, need) in &draft.needs {
        if let Some(other) = all.get(name) {
            env.extend(given(&other.component, need.port.as_deref()));
        }
    }
    for (variable, raw) in own {
        // What a fragment writes itself stands, even where it has no value.
        env.remove(variable);
        let value = match raw {
            RawEnv::Known(value) => Some(value.clone()),
            RawEnv::Output(late) => value(late),
        };
        env.extend(value.map(|value| (variable.clone(), value)));
    }
    env
}

/// The output that a component wants of another; none for one that is not
/// there, which is reported.
fn wanted(
    scope: &Scope<'_>,
    draft: &Draft,
    all: &BTreeMap<Name, Draft>,
    found: &Found,
    late: &Late,
) -> Option<EnvValue> {
    let from = &late.from;
    let port = draft.needs.get(from).and_then(|need| need.port.as_deref());
    match output(all, from, &late.output, port) {
        Ok(value) => return Some(value),
        // Which port is meant is asked where the need is looked at.
        Err(Unresolved::Port) => {}
        Err(why) => report(scope, &late.path, from, &why, found),
    }
    None
}

/// The variables that a need on a component gives.
fn given(other: &Component, port: Option<&str>) -> BTreeMap<String, EnvValue> {
    let prefix = prefix(&other.name);
    let mut env = BTreeMap::new();
    for (suffix, value) in [
        ("HOST", host(other)),
        ("PORT", self::port(other, port)),
        ("URL", url(other, port)),
    ] {
        if let Some(value) = value {
            env.insert(format!("{prefix}_{suffix}"), value);
        }
    }
    if other.ports.len() > 1 {
        for (name, port) in &other.ports {
            let variable = format!("{prefix}_PORT_{}", self::prefix(name));
            env.insert(variable, EnvValue::Literal(port.number.to_string()));
        }
    }
    env
}

fn outputs(component: &Component) -> Option<&BTreeMap<String, Output>> {
    match &component.kind {
        Kind::Backing { outputs, .. } => Some(outputs),
        Kind::Service | Kind::Job(_) | Kind::CronJob(_) => None,
    }
}

fn host(other: &Component) -> Option<EnvValue> {
    let written = outputs(other).and_then(|outputs| resolve(outputs, "host").ok());
    written.or_else(|| Some(EnvValue::Literal(other.name.clone())))
}

fn port(other: &Component, named: Option<&str>) -> Option<EnvValue> {
    let literal = |port: &Port| EnvValue::Literal(port.number.to_string());
    match named {
        Some(name) => other.ports.get(name).map(literal),
        None => outputs(other)
            .and_then(|outputs| resolve(outputs, "port").ok())
            .or_else(|| other.default_port().map(|(_, port)| literal(port))),
    }
}

fn url(other: &Component, named: Option<&str>) -> Option<EnvValue> {
    if let (Some(outputs), None) = (outputs(other), named)
        && let Ok(url) = resolve(outputs, "url")
    {
        return Some(url);
    }
    let (name, port) = match named {
        Some(name) => other.ports.get_key_value(name)?,
        None => other.default_port()?,
    };
    let scheme = match (port.protocol, name.as_str()) {
        (Protocol::Udp, _) => "udp",
        (Protocol::Tcp, "https") => "https",
        (Protocol::Tcp, _) if outputs(other).is_some() => "tcp",
        (Protocol::Tcp, _) => "http",
    };
    let Some(EnvValue::Literal(host)) = host(other) else {
        return None;
    };
    Some(EnvValue::Literal(format!(
        "{scheme}://{host}:{}",
        port.number
    )))
}

/// Why `{from, output}` has no value.
enum Unresolved {
    Component,
    /// The other has several ports, none of which is named.
    Port,
    Output(NoOutput, Vec<String>),
}

/// The value of an output: of a backing what its kind says, and of every
/// component `host`, `port` and `url`, of the port that the need names.
fn output(
    all: &BTreeMap<Name, Draft>,
    from: &str,
    output: &str,
    named: Option<&str>,
) -> Result<EnvValue, Unresolved> {
    let Some(other) = all.get(from).map(|draft| &draft.component) else {
        return Err(Unresolved::Component);
    };
    let usual = |output: &str| match output {
        "host" => host(other),
        "port" => port(other, named),
        "url" => url(other, named),
        _ => None,
    };
    let none = BTreeMap::new();
    let outputs = outputs(other).unwrap_or(&none);
    match resolve(outputs, output) {
        Ok(value) => Ok(value),
        Err(_)
            if matches!(output, "port" | "url")
                && named.is_none()
                && other.ports.len() > 1
                && other.default_port().is_none() =>
        {
            Err(Unresolved::Port)
        }
        Err(why) => usual(output).ok_or_else(|| {
            let mut known: Vec<String> = outputs.keys().cloned().collect();
            known.extend(
                ["host", "port", "url"]
                    .iter()
                    .filter(|name| usual(name).is_some() && !outputs.contains_key(**name))
                    .map(|name| (*name).to_owned()),
            );
            known.sort();
            Unresolved::Output(why, known)
        }),
    }
}

fn report(scope: &Scope<'_>, path: &Path, from: &str, why: &Unresolved, found: &Found) {
    let lines = scope.lines;
    let tree = lines.tree();
    if lines.lost(from) {
        return;
    }
    let (message, label, help) = match why {
        Unresolved::Port => return,
        Unresolved::Component => {
            let target = lines.target().unwrap_or_default();
            let known = component_names(tree, target);
            if known.contains(from) {
                // It is there but could not be built, which has been reported.
                return;
            }
            let help = match kcc_diag::nearest(from, known.iter().map(String::as_str)) {
                Some(better) => format!("did you mean `{better}`?"),
                None => "write the name of a backing or of another component".to_owned(),
            };
            (
                format!("`{path}` refers to `{from}`, which does not exist"),
                "no such component",
                help,
            )
        }
        Unresolved::Output(NoOutput::Circular(output), _) => (
            format!("output `{output}` of `{from}` contains itself"),
            "refers to it",
            format!("change the recipe of `{from}`"),
        ),
        Unresolved::Output(NoOutput::Unknown(output), known) => {
            let near = kcc_diag::nearest(output, known.iter().map(String::as_str));
            let help = if let Some(better) = near {
                format!("did you mean `{better}`?")
            } else {
                let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                format!("the outputs of `{from}` are {}", known.join(", "))
            };
            (
                format!("`{from}` has no output `{output}`"),
                "no such output",
                help,
            )
        }
    };
    let error = lines.error(Code::CheckUnknownOutput, path, message, label);
    found.borrow_mut().push(error.help(help));
}
