//! Lowers a component to its workload: a Deployment, `DaemonSet`, `StatefulSet`, Job or
//! `CronJob`.

use k8s_openapi::api::apps::v1::{
    DaemonSet, DaemonSetSpec, Deployment, DeploymentSpec, StatefulSet, StatefulSetSpec,
};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, Job, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kcc_model::{Component, Concurrency, Cron, Kind, Run};

use crate::kubernetes::objects::{Attribution, Objects};
use crate::kubernetes::stateful::is_stateful;
use crate::kubernetes::{availability, metadata, pod, probe, storage};
use crate::lowering::Lowering;

/// The number of old ReplicaSets and revisions to keep for rollbacks; kcc keeps a
/// history of its own.
const REVISIONS: i32 = 3;

pub(super) fn lower(lowering: &mut Lowering<'_>, component: &Component, objects: &mut Objects<'_>) {
    let namespace = objects.namespace;
    if let Kind::Job(run) = component.kind {
        let job = job(lowering, component, namespace, run);
        objects.add(lowering, &job, &Attribution::component(component));
    } else if let Kind::CronJob(cron) = &component.kind {
        let cron_job = cron_job(lowering, component, namespace, cron);
        objects.add(lowering, &cron_job, &Attribution::component(component));
    } else if is_stateful(component) {
        let set = stateful_set(lowering, component, namespace);
        objects.add(lowering, &set, &Attribution::component(component));
    } else if component.every_node {
        let set = daemon_set(lowering, component, namespace);
        objects.add(lowering, &set, &Attribution::component(component));
    } else {
        let deployment = deployment(lowering, component, namespace);
        objects.add(lowering, &deployment, &Attribution::component(component));
    }
}

fn selector(lowering: &Lowering<'_>, component: &Component) -> LabelSelector {
    LabelSelector {
        match_labels: Some(metadata::selector(lowering, component)),
        match_expressions: None,
    }
}

fn deployment(lowering: &mut Lowering<'_>, component: &Component, namespace: &str) -> Deployment {
    let strategy = availability::strategy(component);
    Deployment {
        metadata: metadata::workload(lowering, &component.name, namespace, component),
        spec: Some(DeploymentSpec {
            replicas: availability::replicas(component),
            revision_history_limit: Some(REVISIONS),
            min_ready_seconds: availability::min_ready_seconds(component),
            progress_deadline_seconds: Some(probe::seconds(component.deadline).max(1)),
            selector: selector(lowering, component),
            strategy: Some(strategy),
            template: pod::template(lowering, component),
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

fn daemon_set(lowering: &mut Lowering<'_>, component: &Component, namespace: &str) -> DaemonSet {
    DaemonSet {
        metadata: metadata::workload(lowering, &component.name, namespace, component),
        spec: Some(DaemonSetSpec {
            revision_history_limit: Some(REVISIONS),
            min_ready_seconds: availability::min_ready_seconds(component),
            selector: selector(lowering, component),
            update_strategy: Some(availability::update_strategy(component)),
            template: pod::template(lowering, component),
        }),
        status: None,
    }
}

fn stateful_set(
    lowering: &mut Lowering<'_>,
    component: &Component,
    namespace: &str,
) -> StatefulSet {
    StatefulSet {
        metadata: metadata::workload(lowering, &component.name, namespace, component),
        spec: Some(StatefulSetSpec {
            replicas: availability::replicas(component),
            revision_history_limit: Some(REVISIONS),
            min_ready_seconds: availability::min_ready_seconds(component),
            selector: selector(lowering, component),
            service_name: Some(component.name.clone()),
            template: pod::template(lowering, component),
            volume_claim_templates: storage::claim_templates(lowering, component),
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}

/// Lowers a job. A Job is immutable, so its name ends in a hash of its spec and a
/// changed job is a new object.
fn job(lowering: &mut Lowering<'_>, component: &Component, namespace: &str, run: Run) -> Job {
    let spec = job_spec(lowering, component, run);
    let name = format!("{}-{}", component.name, &crate::hash::of_json(&spec)[..8]);
    Job {
        metadata: metadata::workload(lowering, &name, namespace, component),
        spec: Some(spec),
        status: None,
    }
}

/// Lowers a cron job. The Jobs that it creates have no labels of kcc, since they
/// belong to the cluster.
fn cron_job(
    lowering: &mut Lowering<'_>,
    component: &Component,
    namespace: &str,
    cron: &Cron,
) -> CronJob {
    let concurrency = match cron.concurrency {
        Concurrency::Allow => "Allow",
        Concurrency::Forbid => "Forbid",
        Concurrency::Replace => "Replace",
    };
    CronJob {
        metadata: metadata::workload(lowering, &component.name, namespace, component),
        spec: Some(CronJobSpec {
            schedule: cron.schedule.clone(),
            time_zone: cron.time_zone.clone(),
            concurrency_policy: Some(concurrency.to_owned()),
            job_template: JobTemplateSpec {
                metadata: None,
                spec: Some(job_spec(lowering, component, cron.run)),
            },
            ..CronJobSpec::default()
        }),
        status: None,
    }
}

fn job_spec(lowering: &mut Lowering<'_>, component: &Component, run: Run) -> JobSpec {
    let mut template = pod::template(lowering, component);
    // Keeps a failed pod with its log and starts a new one.
    let restart_policy = Some("Never".to_owned());
    template.spec = template.spec.map(|spec| PodSpec {
        restart_policy,
        ..spec
    });
    // For a single completion the API server fills both in.
    let several = run.completions != 1 || run.parallelism != 1;
    let count = |count: u32| several.then(|| i32::try_from(count).unwrap_or(i32::MAX));
    JobSpec {
        backoff_limit: Some(i32::try_from(run.retries).unwrap_or(i32::MAX)),
        active_deadline_seconds: run
            .deadline
            .map(|time| i64::from(probe::seconds(time).max(1))),
        completions: count(run.completions),
        parallelism: count(run.parallelism),
        template,
        ..JobSpec::default()
    }
}
