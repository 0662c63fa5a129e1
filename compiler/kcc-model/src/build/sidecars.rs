//! Decodes `init` and `sidecars`. These containers run as the same user and with
//! the same security context as the main one, except for privileges that require
//! a grant: those are the main container's alone, except for host paths that an
//! init step or sidecar names.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::{Code, nearest};

use super::draft::PendingContainer;
use super::{
    Cursor, TargetContext, container, env, health, image, names, output_refs, ports, resources,
};
use crate::graph::NeedGraph;
use crate::{Container, Health, Image, InitStep, Name, Port, Resources, Security};

/// The init steps and sidecars of a component.
#[derive(Default)]
pub(crate) struct ExtraContainers {
    pub(crate) init: Vec<InitStep>,
    pub(crate) sidecars: BTreeMap<Name, Container>,
    /// The pending parts of each, init steps first.
    pub(crate) pending: Vec<PendingContainer>,
}

/// Decodes init steps and sidecars, and adds the ports of sidecars to `ports`.
/// Without a main container they are only validated.
pub(crate) fn extra_containers(
    cx: &TargetContext<'_>,
    name: &str,
    node: &Cursor<'_>,
    main: Option<&Container>,
    ports: &mut BTreeMap<Name, Port>,
) -> ExtraContainers {
    let mut extra = ExtraContainers::default();
    let (init, sidecars) = (node.child("init"), node.child("sidecars"));
    let steps: BTreeMap<&str, Cursor<'_>> = init.iter().flat_map(Cursor::fields).collect();
    let side_nodes: BTreeMap<&str, Cursor<'_>> = sidecars.iter().flat_map(Cursor::fields).collect();
    check_unique_names(name, node, &steps, &side_nodes);
    extra.add_steps(node, &steps, main);
    for (sidecar, own) in &side_nodes {
        extra.add_sidecar(cx, sidecar, (node, own), main, ports);
    }
    extra
}

impl ExtraContainers {
    fn add_steps(
        &mut self,
        component: &Cursor<'_>,
        steps: &BTreeMap<&str, Cursor<'_>>,
        main: Option<&Container>,
    ) {
        for step in sorted_steps(steps) {
            let node = &steps[step];
            names::validate(node, "init step", step);
            if node.child("command").is_none() {
                node.report_missing("`command`", "write `command: [\"…\"]`");
            }
            let image = node
                .child("image")
                .and_then(|field| image::reference(&field));
            if let Some(main) = main {
                let working_dir = main.working_dir.clone().filter(|_| image.is_none());
                let (derived, pending) = derive_container(main, component, node, image);
                self.pending.push(pending);
                self.init.push(InitStep {
                    name: step.to_owned(),
                    container: Container {
                        working_dir,
                        health: Health::default(),
                        ..derived
                    },
                });
            }
        }
    }

    fn add_sidecar(
        &mut self,
        cx: &TargetContext<'_>,
        name: &str,
        (component, node): (&Cursor<'_>, &Cursor<'_>),
        main: Option<&Container>,
        ports: &mut BTreeMap<Name, Port>,
    ) {
        names::validate(node, "sidecar", name);
        let own = ports::ports(node);
        let declared = node.child("image");
        if declared.is_none() {
            node.report_missing("`image`", "write `image: \"…\"`");
        }
        let image = declared.and_then(|field| image::reference(&field));
        let of = image.clone().map(Image::Reference);
        let health = health::health(cx, node, &own, of.as_ref());
        let resources = resources::resources(node);
        join_ports(name, node, own, ports);
        let Some(image) = image else {
            return;
        };
        if let Some(main) = main {
            let (derived, pending) = derive_container(main, component, node, Some(image));
            self.pending.push(pending);
            let container = Container {
                working_dir: None,
                health,
                resources,
                ..derived
            };
            self.sidecars.insert(name.to_owned(), container);
        }
    }
}

/// Derives a container with the user, security context and resources of the main
/// one.
fn derive_container(
    main: &Container,
    component: &Cursor<'_>,
    node: &Cursor<'_>,
    image: Option<String>,
) -> (Container, PendingContainer) {
    let command_line = output_refs::command_line(node);
    let security = Security {
        profile: main.security.profile,
        read_only_root: main.security.read_only_root,
        drop_capabilities: main.security.drop_capabilities.clone(),
        ..Security::default()
    };
    let container = Container {
        image: image.map_or_else(|| main.image.clone(), Image::Reference),
        command: command_line.command,
        args: command_line.args,
        env: BTreeMap::new(),
        host_paths: host_paths(component, node),
        security,
        user: match node.child("user") {
            Some(field) => container::user(&field),
            None => main.user.clone(),
        },
        // GPUs are counted for the main container only.
        resources: Resources {
            gpu: None,
            ..main.resources.clone()
        },
        ..main.clone()
    };
    let pending = PendingContainer {
        env: env::decode(node),
        output_args: command_line.output_args,
    };
    (container, pending)
}

/// Decodes the host paths of the component that a container mounts as well.
fn host_paths(component: &Cursor<'_>, node: &Cursor<'_>) -> BTreeSet<Name> {
    let volumes = component.child("volumes");
    let volumes = volumes.iter().flat_map(Cursor::fields);
    let declared: BTreeSet<&str> = volumes
        .filter(|(_, volume)| volume.child("hostPath").is_some())
        .map(|(name, _)| name)
        .collect();
    let mut named = BTreeSet::new();
    for (name, field) in node
        .child("hostPaths")
        .iter()
        .flat_map(|node| node.fields().collect::<Vec<_>>())
    {
        if declared.contains(name) {
            named.insert(name.to_owned());
            continue;
        }
        let message = format!(
            "`{}` mounts host path `{name}`, which `{}` does not declare",
            node.path, component.path
        );
        let error = field.error(Code::CheckUnknownVolume, message, "no such host path");
        field.report(error.help(match nearest(name, declared.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "name a volume with a `hostPath`; remove this line if `{name}` is another volume, \
                 since all containers mount those"
            ),
        }));
    }
    named
}

/// Reports init steps and sidecars whose name another container has.
fn check_unique_names(
    name: &str,
    main: &Cursor<'_>,
    steps: &BTreeMap<&str, Cursor<'_>>,
    sidecars: &BTreeMap<&str, Cursor<'_>>,
) {
    for (own, node) in steps.iter().chain(sidecars) {
        let first = match steps.get(own) {
            _ if *own == name => main,
            Some(step) if step.path != node.path => step,
            _ => continue,
        };
        let message = format!("`{}` and `{}` have the same name", first.path, node.path);
        let error = node.error(Code::ModelDuplicateName, message, "duplicate name");
        let error = node
            .reporter
            .add_label(error, &first.path, "first used here");
        node.report(error.help(format!(
            "rename `{}`: container names are unique within a component",
            node.path
        )));
    }
}

/// Sorts the steps by their needs, then by name.
fn sorted_steps<'n>(steps: &BTreeMap<&'n str, Cursor<'_>>) -> Vec<&'n str> {
    let mut edges = BTreeSet::new();
    for (name, node) in steps {
        let Some(needs) = node.child("needs") else {
            continue;
        };
        for (other, need) in needs.fields() {
            if steps.contains_key(other) {
                edges.insert((*name, other));
                continue;
            }
            let message = format!(
                "`{}` needs init step `{other}`, which does not exist",
                node.path
            );
            let error = need.error(Code::CheckInitOrder, message, "no such init step");
            let help = match nearest(other, steps.keys().copied()) {
                Some(better) => format!("did you mean `{better}`?"),
                None => "name an init step of the same component, or move the need to the \
                         component's own `needs`"
                    .to_owned(),
            };
            need.report(error.help(help));
        }
    }
    let graph = NeedGraph::from_edges(steps.keys().copied(), edges.iter().copied());
    for cycle in graph.cycles() {
        report_cycle(steps, &cycle);
    }
    let levels = graph.levels();
    let known = levels.iter().flatten();
    let names = known.filter_map(|name| steps.get_key_value(name.as_str()));
    names.map(|(name, _)| *name).collect()
}

/// Reports a dependency cycle between steps.
fn report_cycle(steps: &BTreeMap<&str, Cursor<'_>>, cycle: &[Name]) {
    let names: Vec<_> = cycle
        .iter()
        .chain(cycle.first())
        .map(|name| format!("`{name}`"))
        .collect();
    let message = format!("dependency cycle between init steps: {}", names.join(" → "));
    let edges = cycle.iter().zip(cycle.iter().cycle().skip(1));
    let mut edges = edges.filter_map(|(from, to)| Some((steps.get(from.as_str())?, from, to)));
    let path = |node: &Cursor<'_>, to: &str| node.path.join("needs").join(to);
    let Some((node, from, to)) = edges.next() else {
        return;
    };
    let reporter = node.reporter;
    let text = |from: &str, to: &str| format!("`{from}` needs `{to}`");
    let at = path(node, to);
    let mut error = reporter.error(Code::CheckInitOrder, &at, message, text(from, to));
    for (other, from, to) in edges {
        error = reporter.add_label(error, &path(other, to), text(from, to));
    }
    node.report(error.help("remove one of these needs"));
}

/// Adds the ports of a sidecar to those of its component: both share a network
/// namespace and a host name.
fn join_ports(
    sidecar: &str,
    node: &Cursor<'_>,
    own: BTreeMap<Name, Port>,
    all: &mut BTreeMap<Name, Port>,
) {
    for (name, mut port) in own {
        if let Some(first) = all.get(&name) {
            let ports = node.path.join("ports");
            let owner = match &first.sidecar {
                Some(other) => format!("sidecar `{other}`"),
                None => "the main container".to_owned(),
            };
            let message = format!("`{ports}` and {owner} each have a port `{name}`");
            let reporter = node.reporter;
            let error = reporter.error(
                Code::CheckDuplicatePort,
                &ports.join(&name),
                message,
                "duplicate name",
            );
            node.report(error.help("rename it: port names are unique within a component"));
            continue;
        }
        port.sidecar = Some(sidecar.to_owned());
        all.insert(name, port);
    }
}
