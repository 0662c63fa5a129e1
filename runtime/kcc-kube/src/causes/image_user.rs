//! The image starts as root, or as a user that may be root, which the pod forbids.

use k8s_openapi::api::core::v1::Pod;
use kcc_model::{RefusedImage, RefusedUser};
use kcc_plan::Cause;

use super::{Facts, cause};
use crate::{
    observed::label,
    pod_container::{self, PodContainer},
    pods::waiting,
};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let image = of_container(facts.pod?, facts.container?)?;
    let help = "name another user, or choose another `security: profile`";
    Some(cause(image.message()).help(help).is_final())
}

/// Returns the image of a pod whose user the kubelet refuses.
pub(crate) fn refused(pod: &Pod) -> Option<RefusedImage> {
    let status = pod.status.as_ref()?;
    pod_container::of(pod, status).find_map(|part| of_container(pod, part))
}

fn of_container(pod: &Pod, part: PodContainer<'_>) -> Option<RefusedImage> {
    let ("CreateContainerConfigError", message) = waiting(part.status)? else {
        return None;
    };
    let user = refused_user(message)?;
    let of = |name: &str| pod.metadata.labels.as_ref()?.get(name).map(String::as_str);
    let name = of(label::COMPONENT).unwrap_or(&part.status.name);
    let section = match of(label::ROLE) {
        Some("job") => "jobs",
        Some("cron-job") => "cronJobs",
        _ => "services",
    };
    Some(RefusedImage {
        path: format!("{section}.{name}"),
        image: part.status.image.clone(),
        user,
    })
}

/// Parses the user in the kubelet's refusal, which is worded so since Kubernetes 1.4.
fn refused_user(message: &str) -> Option<RefusedUser> {
    if message.contains("runAsNonRoot and image will run as root") {
        return Some(RefusedUser::SomeRoot);
    }
    let (_, rest) = message.split_once("runAsNonRoot and image has non-numeric user (")?;
    let (user, _) = rest.split_once(')')?;
    Some(RefusedUser::Name(user.to_owned()))
}
