//! Renames a desired state for an instance of a target. Names continue the target's
//! with a dot, which no name in a model contains, so instances never collide with
//! components. Fixed host ports become free ones, because the plain target holds
//! the numbers.

use std::{borrow::Cow, collections::BTreeMap};

use kcc_lower::docker::{Container, DockerDesired, Mount};
use kcc_plan::Scope;

use crate::observed::label;

/// Returns the desired state of a scope, renamed if it is an instance.
pub(crate) fn of<'a>(docker: &'a DockerDesired, scope: &Scope) -> Cow<'a, DockerDesired> {
    let Some(instance) = &scope.instance else {
        return Cow::Borrowed(docker);
    };
    let plain = format!("{}-{}", scope.system, scope.target);
    let rename = |name: &str| match name.strip_prefix(&plain) {
        Some(rest) => format!("{plain}.{instance}{rest}"),
        None => format!("{name}.{instance}"),
    };
    let add_label = |labels: &mut BTreeMap<String, String>| {
        labels.insert(label::INSTANCE.to_owned(), instance.clone());
    };
    let mut moved = docker.clone();
    moved.networks = renamed(moved.networks, rename);
    moved.volumes = renamed(moved.volumes, rename);
    moved.containers = renamed(moved.containers, rename);
    moved
        .networks
        .values_mut()
        .for_each(|network| add_label(&mut network.labels));
    moved
        .volumes
        .values_mut()
        .for_each(|volume| add_label(&mut volume.labels));
    for container in moved.containers.values_mut() {
        let init = container.init.iter_mut().map(|step| &mut step.container);
        for step in init {
            add_label(&mut step.labels);
            isolate(step, rename);
        }
        add_label(&mut container.labels);
        isolate(container, rename);
    }
    Cow::Owned(moved)
}

fn isolate(container: &mut Container, rename: impl Fn(&str) -> String + Copy) {
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
