//! `init` and `sidecars`: the containers beside the main one. They run as the
//! same user with the same rights, but for what only a grant gives: that is the
//! main container's alone.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::{Code, nearest};

use super::component::Open;
use super::{Cursor, component, env, health, image, late, names, ports, resources};
use crate::{Container, Health, Image, InitStep, Name, NeedGraph, Port, Security};

/// What stands beside a main container.
#[derive(Default)]
pub(crate) struct Beside {
    pub(crate) init: Vec<InitStep>,
    pub(crate) sidecars: BTreeMap<Name, Container>,
    /// What is open in each, in this order.
    pub(crate) open: Vec<Open>,
}

/// Decodes the containers beside a main one, whose ports those of the sidecars
/// join. Without a main container its mistakes have been reported.
pub(crate) fn beside(
    name: &str,
    node: &Cursor<'_>,
    main: Option<&Container>,
    ports: &mut BTreeMap<Name, Port>,
) -> Beside {
    let mut beside = Beside::default();
    let (init, sidecars) = (node.child("init"), node.child("sidecars"));
    let steps: BTreeMap<&str, Cursor<'_>> = init.iter().flat_map(Cursor::fields).collect();
    let others: BTreeMap<&str, Cursor<'_>> = sidecars.iter().flat_map(Cursor::fields).collect();
    unique_names(name, node, &steps, &others);
    for step in in_order(&steps) {
        let node = &steps[step];
        names::check(node, "init step", step);
        node.only(&["image", "command", "args", "env", "needs"]);
        if node.child("command").is_none() {
            component::missing(node, "`command`", "write `command: [\"…\"]`");
        }
        let image = node
            .child("image")
            .and_then(|field| image::reference(&field));
        if let Some(main) = main {
            let working_dir = main.working_dir.clone().filter(|_| image.is_none());
            let (like, open) = like(main, node, image);
            beside.open.push(open);
            beside.init.push(InitStep {
                name: step.to_owned(),
                container: Container {
                    working_dir,
                    health: Health::default(),
                    ..like
                },
            });
        }
    }
    for (sidecar, node) in &others {
        names::check(node, "sidecar", sidecar);
        node.only(&[
            "image",
            "command",
            "args",
            "env",
            "ports",
            "health",
            "resources",
        ]);
        let own = ports::ports(node);
        let health = health::health(node, &own);
        let resources = resources::resources(node);
        join_ports(sidecar, node, own, ports);
        let Some(image) = node.child("image") else {
            component::missing(node, "`image`", "write `image: \"…\"`");
            continue;
        };
        let Some(image) = image::reference(&image) else {
            continue;
        };
        if let Some(main) = main {
            let (like, open) = like(main, node, Some(image));
            beside.open.push(open);
            let container = Container {
                working_dir: None,
                health,
                resources,
                ..like
            };
            beside.sidecars.insert((*sidecar).to_owned(), container);
        }
    }
    beside
}

/// A container with the user, the rights and the amounts of the main one.
fn like(main: &Container, node: &Cursor<'_>, image: Option<String>) -> (Container, Open) {
    let words = late::words(node);
    let security = Security {
        profile: main.security.profile,
        read_only_root: main.security.read_only_root,
        drop_capabilities: main.security.drop_capabilities.clone(),
        ..Security::default()
    };
    let container = Container {
        image: image.map_or_else(|| main.image.clone(), Image::Reference),
        command: words.command,
        args: words.args,
        env: BTreeMap::new(),
        security,
        ..main.clone()
    };
    let open = Open {
        env: env::raw(node),
        words: words.late,
    };
    (container, open)
}

/// All containers of a component are told apart by their names.
fn unique_names(
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
        let error = node.error(Code::ModelDuplicateName, message, "the same name again");
        let error = node.lines.also(error, &first.path, "taken here");
        node.report(error.help(format!(
            "rename `{}`: the containers of a component are told apart by their names",
            node.path
        )));
    }
}

/// The steps in the order of their needs, then of their names.
fn in_order<'n>(steps: &BTreeMap<&'n str, Cursor<'_>>) -> Vec<&'n str> {
    let mut edges = BTreeSet::new();
    for (name, node) in steps {
        let Some(needs) = node.child("needs") else {
            continue;
        };
        for (other, need) in needs.fields() {
            need.only(&[]);
            if steps.contains_key(other) {
                edges.insert((*name, other));
                continue;
            }
            let message = format!(
                "`{}` needs init step `{other}`, which is not there",
                node.path
            );
            let error = need.error(Code::CheckInitOrder, message, "no such step");
            let help = match nearest(other, steps.keys().copied()) {
                Some(better) => format!("did you mean `{better}`?"),
                None => "name another init step of the same component; what the component itself \
                         needs stands in its own `needs`"
                    .to_owned(),
            };
            need.report(error.help(help));
        }
    }
    let graph = NeedGraph::from_edges(steps.keys().copied(), edges.iter().copied());
    for cycle in graph.cycles() {
        circle(steps, &cycle);
    }
    let levels = graph.levels();
    let known = levels.iter().flatten();
    let names = known.filter_map(|name| steps.get_key_value(name.as_str()));
    names.map(|(name, _)| *name).collect()
}

/// Reports steps that need each other in a circle.
fn circle(steps: &BTreeMap<&str, Cursor<'_>>, cycle: &[Name]) {
    let names: Vec<_> = cycle
        .iter()
        .chain(cycle.first())
        .map(|name| format!("`{name}`"))
        .collect();
    let message = format!(
        "init steps need each other in a circle: {}",
        names.join(" → ")
    );
    let edges = cycle.iter().zip(cycle.iter().cycle().skip(1));
    let mut edges = edges.filter_map(|(from, to)| Some((steps.get(from.as_str())?, from, to)));
    let path = |node: &Cursor<'_>, to: &str| node.path.join("needs").join(to);
    let Some((node, from, to)) = edges.next() else {
        return;
    };
    let lines = node.lines;
    let text = |from: &str, to: &str| format!("`{from}` needs `{to}`");
    let at = path(node, to);
    let mut error = lines.error(Code::CheckInitOrder, &at, message, text(from, to));
    for (other, from, to) in edges {
        error = lines.also(error, &path(other, to), text(from, to));
    }
    node.report(error.help("remove one of these needs"));
}

/// Adds the ports of a sidecar to those of its component: both listen in one
/// network, under one host name.
fn join_ports(
    sidecar: &str,
    node: &Cursor<'_>,
    own: BTreeMap<Name, Port>,
    all: &mut BTreeMap<Name, Port>,
) {
    for (name, mut port) in own {
        if let Some(first) = all.get(&name) {
            let ports = node.path.join("ports");
            let whose = match &first.sidecar {
                Some(other) => format!("sidecar `{other}`"),
                None => "the main container".to_owned(),
            };
            let message = format!("`{ports}` and {whose} each have a port `{name}`");
            let lines = node.lines;
            let error = lines.error(
                Code::CheckDuplicatePort,
                &ports.join(&name),
                message,
                "the name is taken",
            );
            node.report(error.help("rename it: the ports of a component are one space of names"));
            continue;
        }
        port.sidecar = Some(sidecar.to_owned());
        all.insert(name, port);
    }
}
