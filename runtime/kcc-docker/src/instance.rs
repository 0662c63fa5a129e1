//! An isolated copy of a target: the same objects under names of their own. A
//! name goes on from the target's with a dot, which no name in a model has, so
//! that a copy never meets another component. Host ports with a number become
//! free ones: the original holds the number.

use std::{borrow::Cow, collections::BTreeMap};

use kcc_lower::docker::{Container, DockerDesired, Mount};
use kcc_plan::Scope;

use crate::observed::label;

/// What should be there for a scope: what was lowered, renamed if it is a copy.
pub(crate) fn of<'a>(docker: &'a DockerDesired, scope: &Scope) -> Cow<'a, DockerDesired> {
    let Some(instance) = &scope.instance else {
        return Cow::Borrowed(docker);
    };
    let plain = format!("{}-{}", scope.system, scope.target);
    let rename = |name: &str| match name.strip_prefix(&plain) {
        Some(rest) => format!("{plain}.{instance}{rest}"),
        None => format!("{name}.{instance}"),
    };
    let mark = |labels: &mut BTreeMap<String, String>| {
        labels.insert(label::INSTANCE.to_owned(), instance.clone());
    };
    let mut copy = docker.clone();
    copy.networks = renamed(copy.networks, rename);
    copy.volumes = renamed(copy.volumes, rename);
    copy.containers = renamed(copy.containers, rename);
    copy.networks
        .values_mut()
        .for_each(|network| mark(&mut network.labels));
    copy.volumes
        .values_mut()
        .for_each(|volume| mark(&mut volume.labels));
    for container in copy.containers.values_mut() {
        let init = container.init.iter_mut().map(|step| &mut step.container);
        for step in init {
            mark(&mut step.labels);
            set_apart(step, rename);
        }
        mark(&mut container.labels);
        set_apart(container, rename);
    }
    Cow::Owned(copy)
}

fn set_apart(container: &mut Container, rename: impl Fn(&str) -> String + Copy) {
    container.networks = renamed(std::mem::take(&mut container.networks), rename);
    for mount in container.mounts.values_mut() {
        if let Mount::Volume(volume) = mount {
            *volume = rename(volume);
        }
    }
    for other in container.after.iter_mut().chain(&mut container.sidecar_of) {
        *other = rename(other);
    }
    for port in &mut container.ports {
        port.host = None;
    }
}

fn renamed<T>(
    objects: BTreeMap<String, T>,
    rename: impl Fn(&str) -> String,
) -> BTreeMap<String, T> {
    objects
        .into_iter()
        .map(|(name, object)| (rename(&name), object))
        .collect()
}
