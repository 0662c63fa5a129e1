//! Finds what would fail in the middle of an apply before its first change: host ports
//! that somebody else holds, images that can be had nowhere, and shared components that
//! the target does not run.

use kcc_diag::Code;
use kcc_lower::{Desired, docker::DockerDesired};
use kcc_plan::{Error, Refusal};

use super::{CONTAINER, IMAGE};
use crate::{client::CHECK_IMAGE, observed::Observed};

/// Fails with everything that is in the way.
pub(super) fn refuse_doomed(
    desired: &Desired,
    docker: &DockerDesired,
    observed: &Observed,
) -> Result<(), Error> {
    let mut refusals = observed.sharing.refusals(desired, docker);
    for (name, container) in &docker.containers {
        for port in container.ports.iter().filter_map(|port| port.host) {
            let holder = observed.port_holders.get(&port);
            let (by, help) = match holder {
                Some(other) => (
                    format!("container `{other}`"),
                    format!("stop it (`docker stop {other}`), or publish another port (`expose`)"),
                ),
                None if observed.busy_ports.contains(&port) => (
                    "another program".to_owned(),
                    format!(
                        "stop it (`ss -tulpn sport = :{port}` names it), or publish another port \
                         (`expose`)"
                    ),
                ),
                None => continue,
            };
            refusals.push(Refusal {
                code: Code::PlanPortTaken,
                message: format!(
                    "host port {port} of `{}` is held by {by}",
                    container.component
                ),
                help,
                component: Some(container.component.clone()),
                object: (CONTAINER.to_owned(), name.clone()),
                field: vec!["ports".to_owned()],
            });
        }
    }
    for (reference, why) in &observed.missing_images {
        let image = docker.images.get(reference);
        let component = image.map(|image| image.component.clone());
        let of = component.as_deref().unwrap_or_default();
        refusals.push(Refusal {
            code: Code::ApplyImagePull,
            message: format!("cannot pull image `{reference}` of `{of}`: {why}"),
            help: CHECK_IMAGE.to_owned(),
            component,
            object: (IMAGE.to_owned(), reference.clone()),
            field: Vec::new(),
        });
    }
    if refusals.is_empty() {
        return Ok(());
    }
    Err(refusals.into())
}
