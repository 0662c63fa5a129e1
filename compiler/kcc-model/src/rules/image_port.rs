//! Warns about containers whose image listens on none of their ports, as far as
//! `kcc.lock` knows: it exposes others, and nothing that a fragment passes to it
//! mentions one of theirs.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::image_facts::{UsedImage, images};
use super::view::View;
use crate::{EnvValue, Name, Port, Protocol};

pub(super) fn image_port(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for image in images(view) {
        // A replaced entrypoint is another program.
        if image.facts.ports.is_empty() || image.container.command.is_some() {
            continue;
        }
        let declared: Vec<_> = declared(&image).collect();
        let heard = |(_, port): &(&Name, &Port)| exposes(&image, port) || mentions(&image, port);
        let Some((name, port)) = declared.first().filter(|_| !declared.iter().any(heard)) else {
            continue;
        };
        let exposed = image.facts.ports.iter();
        let exposed: Vec<_> = exposed.map(|port| format!("`{port}`")).collect();
        let listed = exposed.join(", ");
        let first = image.facts.ports.first().map_or(0, |port| port.number);
        let message = format!(
            "image `{}` exposes {listed}, but `{}` declares port {}",
            image.reference, image.path, port.number
        );
        let path = port_path(&image, name);
        let warning = view.reporter.warning(
            Code::CheckImagePort,
            &path,
            message,
            "nothing may listen on it",
        );
        diagnostics.push(warning.help(format!(
            "write `{first}`, or pass the number to the program in `args` or `env`"
        )));
    }
}

/// Returns the ports of the container.
fn declared<'a>(image: &UsedImage<'a>) -> impl Iterator<Item = (&'a Name, &'a Port)> + use<'a> {
    let names = &image.path.0;
    let main = image.path == image.component.path;
    let sidecar = names
        .iter()
        .rev()
        .nth(1)
        .filter(|group| *group == "sidecars");
    let sidecar = sidecar.and_then(|_| names.last()).cloned();
    let ports = image.component.ports.iter();
    ports.filter(move |(_, port)| match &port.sidecar {
        None => main,
        own => !main && *own == sidecar,
    })
}

fn port_path(image: &UsedImage<'_>, name: &str) -> Path {
    image.component.port_path(name)
}

fn exposes(image: &UsedImage<'_>, port: &Port) -> bool {
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let mut exposed = image.facts.ports.iter();
    exposed.any(|exposed| exposed.number == port.number && exposed.protocol == protocol)
}

/// Returns true if something that the container gets may set the number.
fn mentions(image: &UsedImage<'_>, port: &Port) -> bool {
    let number = port.number.to_string();
    let container = image.container;
    let args = container.args.iter().flatten();
    let mut args = args.chain(container.command.iter().flatten());
    let files = image.component.files.values().next().is_some();
    let in_env = container.env.values().any(|value| match value {
        EnvValue::Literal(text) => text.contains(&number),
        // A config may hold anything.
        EnvValue::Config { .. } | EnvValue::Secret(_) | EnvValue::Template(_) => true,
        EnvValue::Field(_) => false,
    });
    files || in_env || args.any(|arg| arg.contains(&number))
}
