//! The causes why a workload is not ready: one file for each, which recognises the
//! cluster's refusal and joins it with the fact that it is about. Pure.
//!
//! A cause asks [`Facts`] and answers with a [`Cause`] or not at all. They are asked in
//! the order of the list below, the most specific first; the first answer is the cause.
//! Its kind is the name of its file. `recorded` has what a real cluster said about a
//! failure of each kind; `KCC_UPDATE=1` with the engine test `causes_are_recorded`
//! records it again.
//!
//! The message of a cause does not depend on what only [`Live::others`] and
//! [`Live::logs`] say: these are read once a wait is over, and add the evidence.

mod claims;
mod facts;
mod job;
mod probe;
mod pull;
mod reference;
mod refused;
mod scheduling;
mod stuck;

use k8s_openapi::api::core::v1::Pod;
use kcc_lower::kubernetes::Object;
use kcc_plan::{Cause, first_cause};

pub(crate) use self::{
    facts::{Facts, last_event, probe_message, timestamp},
    image_user::refused as refused_image,
    stuck::{Exits, is_failing},
};
use crate::{live::Live, pod_container};

type Find = fn(&Facts<'_>) -> Option<Cause>;

macro_rules! causes {
    ($($list:ident: $($name:ident)*;)*) => {
        $($(mod $name;)*)*
        $(const $list: &[(&str, Find)] = &[$((stringify!($name), $name::find)),*];)*
    };
}

causes! {
    OF_POD:
        evicted
        node_lost
        claim_missing
        storage_class_missing
        claim_volume_missing
        volume_access_mode
        volume_missing
        node_labels
        node_resources
        host_port_taken
        pod_anti_affinity
        pod_affinity
        topology_spread
        node_cordoned
        node_tainted
        unschedulable;
    OF_CONTAINER:
        image_name_invalid
        image_never_pulled
        image_platform
        image_not_found
        image_refused
        registry_not_found
        registry_unreachable
        image_not_pulled
        image_user
        secret_missing
        secret_key_missing
        config_map_missing
        config_map_key_missing
        config_refused
        host_path_missing
        mount_refused
        sandbox_refused
        hook_failed
        out_of_memory
        program_platform
        program_missing
        program_not_executable
        liveness_failing
        startup_failing
        probe_command_missing
        probe_command
        probe_timeout
        probe_port_closed
        probe_status
        probe_failed
        command_not_found
        command_not_executable
        crashed
        killed
        read_only_file_system
        disk_full
        port_in_use
        name_not_resolved
        permission_denied
        exit_success
        exit_code
        init_step_running
        not_started;
    OF_WORKLOAD:
        quota_exceeded
        limit_range
        pod_security
        webhook_unreachable
        admission_refused
        service_account_missing
        priority_class_missing
        runtime_class_missing
        pods_refused
        rollout_paused
        job_deadline
        job_failed
        job_suspended
        terminating;
}

/// Returns the cause why a pod is not ready.
pub(crate) fn of_pod(live: &Live, workload: &Object, pod: &Pod, exits: Exits) -> Cause {
    let facts = Facts {
        live,
        workload,
        exits,
        pod: Some(pod),
        container: None,
        refusal: None,
    };
    let found = first_cause(OF_POD, &facts).or_else(|| {
        let status = pod.status.as_ref()?;
        let mut parts = pod_container::of(pod, status);
        parts.find_map(|part| {
            let facts = Facts {
                container: Some(part),
                ..facts
            };
            let mut cause = first_cause(OF_CONTAINER, &facts)?;
            cause.message = part.describe(&cause.message);
            Some(cause)
        })
    });
    let cause = found.unwrap_or_else(|| {
        Cause::progress(match pod.status {
            Some(_) => "pod is starting",
            None => "pod has just been created",
        })
    });
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let since = cause.since.or_else(|| facts.not_ready_since());
    cause.about(format!("pod `{name}`")).since(since)
}

/// Returns the cause why a workload has too few pods, or does not go on with those that
/// it has: a refusal of the cluster, or its own settings.
pub(crate) fn of_workload(live: &Live, workload: &Object, refusal: Option<&str>) -> Option<Cause> {
    let facts = Facts {
        live,
        workload,
        exits: Exits::Never,
        pod: None,
        container: None,
        refusal,
    };
    let cause = first_cause(OF_WORKLOAD, &facts)?;
    let about = format!("{} `{}`", workload.kind, workload.name);
    Some(cause.about(about))
}

/// Creates a cause of the kind that its file is named after.
fn cause(message: impl Into<String>) -> Cause {
    Cause::new("", message)
}

#[cfg(test)]
mod tests;
