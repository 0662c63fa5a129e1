//! Connects components: completes each need, sets the variables it provides and
//! resolves references to outputs. Runs after all components are decoded, since
//! defaults and variables depend on the needed component.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::Path;

use super::draft::Draft;
use super::env::RawEnv;
use super::output_refs::{self, OutputRef};
use super::outputs::{OutputError, resolve};
use super::ports::may_be_incomplete;
use super::provided::{self, ambiguous_port, has_ambiguous_port, outputs, provided_variables};
use super::{Sink, TargetContext};
use crate::owners::component_names;
use crate::{Component, Container, EnvValue, Name, Need, Piece, Until, split_references};

/// Connects the components: completes needs, environments and outputs.
pub(crate) fn connect(
    cx: &TargetContext<'_>,
    drafts: BTreeMap<Name, Draft>,
    sink: &Sink,
) -> BTreeMap<Name, Component> {
    // Values are collected first, since each may refer to any draft.
    let connected: Vec<_> = drafts
        .values()
        .map(|draft| {
            let value =
                |reference: &OutputRef| resolve_reference(cx, draft, &drafts, sink, reference);
            let containers: Vec<_> = draft
                .pending
                .iter()
                .zip(draft.component.containers())
                .map(|(pending, (_, container))| {
                    let env = environment(draft, container, &pending.env, &drafts, value);
                    let args = pending.output_args.iter().map(|arg| value(&arg.output));
                    (env, args.collect::<Vec<_>>())
                })
                .collect();
            let files: Vec<_> = draft.output_files.values().map(value).collect();
            (needs(draft, &drafts), containers, files)
        })
        .collect();
    drafts
        .into_iter()
        .zip(connected)
        .map(|((name, draft), (needs, containers, files))| {
            let mut component = draft.component;
            component.needs = needs;
            let pending = draft.pending.iter().zip(containers);
            for (container, (pending, (env, args))) in component.containers_mut().zip(pending) {
                container.env = env;
                for (arg, value) in pending.output_args.iter().zip(args) {
                    if let Some(value) = value {
                        arg.fill(value, container);
                    }
                }
            }
            for (path, value) in draft.output_files.into_keys().zip(files) {
                if let (Some(value), Some(file)) = (value, component.files.get_mut(&path)) {
                    file.content = output_refs::file_content(value);
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
                .unwrap_or_else(|| other.map_or(Until::Started, default_until));
            let need = Need {
                until,
                port: raw.port.clone(),
                optional: raw.optional,
                env: raw.env,
            };
            (name.clone(), need)
        })
        .collect()
}

/// Returns the default state to wait for.
fn default_until(other: &Component) -> Until {
    if other.run().is_some() {
        Until::Completed
    } else if other.runs() && other.container.health.has_readiness_signal() {
        Until::Healthy
    } else {
        Until::Started
    }
}

/// Builds the environment of a container from the variables of its needs and the
/// declared ones.
///
/// A URL that contains a password is only provided if the command or its arguments
/// refer to it: every other component would get a password that it does not use.
fn environment(
    draft: &Draft,
    container: &Container,
    own: &BTreeMap<String, RawEnv>,
    all: &BTreeMap<Name, Draft>,
    value: impl Fn(&OutputRef) -> Option<EnvValue>,
) -> BTreeMap<String, EnvValue> {
    let mut env = BTreeMap::new();
    for (name, need) in &draft.needs {
        let Some(other) = all.get(name).filter(|_| need.env) else {
            continue;
        };
        let provided = provided_variables(&other.component, need.port.as_deref());
        env.extend(provided.into_iter().filter(|(variable, value)| {
            !value.contains_secret() || refers_to(container, variable)
        }));
    }
    for (variable, raw) in own {
        // A declared variable replaces a provided one, even if it has no value.
        env.remove(variable);
        let value = match raw {
            RawEnv::Known(value) => Some(value.clone()),
            RawEnv::Output(output) => value(output),
        };
        env.extend(value.map(|value| (variable.clone(), value)));
    }
    env
}

/// Returns true if a command or its arguments contain `$(NAME)` of a variable.
fn refers_to(container: &Container, variable: &str) -> bool {
    let words = container.command.iter().chain(&container.args).flatten();
    words
        .flat_map(|word| split_references(word))
        .any(|piece| matches!(piece, Piece::Reference(name) if name == variable))
}

/// Resolves a reference to an output; returns none if it does not exist, which is
/// reported.
fn resolve_reference(
    cx: &TargetContext<'_>,
    draft: &Draft,
    all: &BTreeMap<Name, Draft>,
    sink: &Sink,
    reference: &OutputRef,
) -> Option<EnvValue> {
    let from = &reference.from;
    let port = draft.needs.get(from).and_then(|need| need.port.as_deref());
    match output(all, from, &reference.output, port) {
        Ok(value) => Some(value),
        Err(why) => {
            let other = all.get(from).map(|draft| &draft.component);
            report(cx, &reference.path, from, other, &why, sink);
            None
        }
    }
}

/// The reason why `{from, output}` has no value.
enum UnresolvedOutput {
    Component,
    /// The component has several ports, none of which is named.
    Port(String),
    Output(OutputError, Vec<String>),
}

/// Returns the value of an output: one that the backing's kind declares, else
/// `host`, `port` or `url`, which every component has for the port that the need
/// names.
fn output(
    all: &BTreeMap<Name, Draft>,
    from: &str,
    output: &str,
    named: Option<&str>,
) -> Result<EnvValue, UnresolvedOutput> {
    let Some(other) = all.get(from).map(|draft| &draft.component) else {
        return Err(UnresolvedOutput::Component);
    };
    let default = |output: &str| match output {
        "host" => Some(provided::host(other)),
        "port" => provided::port(other, named),
        "url" => provided::url(other, named),
        _ => None,
    };
    let none = BTreeMap::new();
    let outputs = outputs(other).unwrap_or(&none);
    match resolve(outputs, output) {
        Ok(value) => Ok(value),
        Err(_)
            if matches!(output, "port" | "url") && named.is_none() && has_ambiguous_port(other) =>
        {
            Err(UnresolvedOutput::Port(output.to_owned()))
        }
        Err(why) => default(output).ok_or_else(|| {
            let mut known: Vec<String> = outputs.keys().cloned().collect();
            known.extend(
                ["host", "port", "url"]
                    .iter()
                    .filter(|name| default(name).is_some() && !outputs.contains_key(**name))
                    .map(|name| (*name).to_owned()),
            );
            known.sort();
            UnresolvedOutput::Output(why, known)
        }),
    }
}

fn report(
    cx: &TargetContext<'_>,
    path: &Path,
    from: &str,
    other: Option<&Component>,
    why: &UnresolvedOutput,
    sink: &Sink,
) {
    let reporter = cx.reporter;
    let tree = reporter.tree();
    let (message, label, help) = match why {
        UnresolvedOutput::Port(output) => {
            let complete =
                |other: &&Component| !may_be_incomplete(&other.path, &other.ports, reporter);
            if let Some(other) = other.filter(complete) {
                sink.report(ambiguous_port(
                    reporter,
                    path,
                    &format!("output `{output}`"),
                    other,
                ));
            }
            return;
        }
        UnresolvedOutput::Component => {
            let target = reporter.target().unwrap_or_default();
            let known = component_names(tree, target);
            if known.contains(from) {
                // The component exists but could not be built, which is reported.
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
        UnresolvedOutput::Output(OutputError::Circular(output), _) => (
            format!("output `{output}` of `{from}` refers to itself"),
            "used here",
            format!("change the recipe of `{from}`"),
        ),
        UnresolvedOutput::Output(OutputError::Unknown(output), known) => {
            let near = kcc_diag::nearest(output, known.iter().map(String::as_str));
            let help = if let Some(better) = near {
                format!("did you mean `{better}`?")
            } else {
                let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                format!("write one of the outputs of `{from}`: {}", known.join(", "))
            };
            (
                format!("`{from}` has no output `{output}`"),
                "no such output",
                help,
            )
        }
    };
    let error = reporter.error(Code::CheckUnknownOutput, path, message, label);
    sink.report(error.missing(from).help(help));
}
