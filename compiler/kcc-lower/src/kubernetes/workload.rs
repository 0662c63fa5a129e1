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
use crate::kubernetes::{availability, label, metadata, pod, probe, storage};
use crate::lowering::Lowering;
use crate::source::Recorder;

/// The number of old ReplicaSets and revisions to keep for rollbacks; kcc keeps a
/// history of its own.
const REVISIONS: i32 = 3;

pub(super) fn lower(lowering: &mut Lowering<'_>, component: &Component, objects: &mut Objects<'_>) {
    let namespace = objects.namespace;
    let attribution = Attribution::component(component);
    let sources = attribution.sources(lowering);
    metadata::record_declared(lowering, component, &sources);
    if let Kind::Job(run) = component.kind {
        let job = job(lowering, component, namespace, run, &sources);
        objects.add(lowering, &job, &attribution, &sources);
    } else if let Kind::CronJob(cron) = &component.kind {
        let cron_job = cron_job(lowering, component, namespace, cron, &sources);
        objects.add(lowering, &cron_job, &attribution, &sources);
    } else if is_stateful(component) {
        let set = stateful_set(lowering, component, namespace, &sources);
        objects.add(lowering, &set, &attribution, &sources);
    } else if component.every_node {
        let set = daemon_set(lowering, component, namespace, &sources);
        objects.add(lowering, &set, &attribution, &sources);
    } else {
        let deployment = deployment(lowering, component, namespace, &sources);
        objects.add(lowering, &deployment, &attribution, &sources);
    }
}

/// Records what Deployments, `DaemonSets` and `StatefulSets` have in common.
fn record(sources: &Recorder) {
    sources.kcc(
        "spec.revisionHistoryLimit",
        "kcc keeps three revisions for rollbacks",
    );
    sources.kcc(
        "spec.minReadySeconds",
        "a pod without a health check has to stay up before it counts as available",
    );
    sources.kcc("spec.selector", label::IDENTITY);
}

fn selector(lowering: &Lowering<'_>, component: &Component) -> LabelSelector {
    LabelSelector {
        match_labels: Some(metadata::selector(lowering, component)),
        match_expressions: None,
    }
}

fn deployment(
    lowering: &mut Lowering<'_>,
    component: &Component,
    namespace: &str,
    sources: &Recorder,
) -> Deployment {
    record(sources);
    sources.model("kind", &["stateful"]);
    sources.model("spec.replicas", &["replicas", "scale.min"]);
    sources.model("spec.progressDeadlineSeconds", &["rollout.deadline"]);
    let strategy = ["rollout.strategy", "rollout", "volumes"];
    sources.model("spec.strategy", &strategy);
    let strategy = availability::strategy(lowering, component);
    Deployment {
        metadata: metadata::workload(lowering, &component.name, namespace, component),
        spec: Some(DeploymentSpec {
            replicas: availability::replicas(component),
            revision_history_limit: Some(REVISIONS),
            min_ready_seconds: availability::min_ready_seconds(component),
            progress_deadline_seconds: Some(probe::seconds(component.deadline).max(1)),
            selector: selector(lowering, component),
            strategy: Some(strategy),
            template: pod::template(lowering, component, &sources.below("spec.template")),
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

fn daemon_set(
    lowering: &mut Lowering<'_>,
    component: &Component,
    namespace: &str,
    sources: &Recorder,
) -> DaemonSet {
    record(sources);
    sources.model("kind", &["everyNode"]);
    let strategy = ["rollout.strategy", "rollout", "everyNode"];
    sources.model("spec.updateStrategy", &strategy);
    sources.model(
        "spec.updateStrategy.type",
        &["rollout.strategy", "everyNode"],
    );
    DaemonSet {
        metadata: metadata::workload(lowering, &component.name, namespace, component),
        spec: Some(DaemonSetSpec {
            revision_history_limit: Some(REVISIONS),
            min_ready_seconds: availability::min_ready_seconds(component),
            selector: selector(lowering, component),
            update_strategy: Some(availability::update_strategy(component)),
            template: pod::template(lowering, component, &sources.below("spec.template")),
        }),
        status: None,
    }
}

fn stateful_set(
    lowering: &mut Lowering<'_>,
    component: &Component,
    namespace: &str,
    sources: &Recorder,
) -> StatefulSet {
    record(sources);
    sources.model("kind", &["stateful"]);
    sources.model("spec.replicas", &["replicas", "scale.min"]);
    sources.model("spec.serviceName", &[""]);
    StatefulSet {
        metadata: metadata::workload(lowering, &component.name, namespace, component),
        spec: Some(StatefulSetSpec {
            replicas: availability::replicas(component),
            revision_history_limit: Some(REVISIONS),
            min_ready_seconds: availability::min_ready_seconds(component),
            selector: selector(lowering, component),
            service_name: Some(component.name.clone()),
            template: pod::template(lowering, component, &sources.below("spec.template")),
            volume_claim_templates: storage::claim_templates(
                lowering,
                component,
                &sources.below("spec.volumeClaimTemplates"),
            ),
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}

/// Lowers a job. A Job is immutable, so its name ends in a hash of its spec and a
/// changed job is a new object.
fn job(
    lowering: &mut Lowering<'_>,
    component: &Component,
    namespace: &str,
    run: Run,
    sources: &Recorder,
) -> Job {
    let spec = job_spec(lowering, component, run, &sources.below("spec"));
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
    sources: &Recorder,
) -> CronJob {
    sources.model("spec.schedule", &["schedule"]);
    sources.model("spec.timeZone", &["timeZone"]);
    sources.model("spec.concurrencyPolicy", &["concurrency"]);
    let job = sources.below("spec.jobTemplate.spec");
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
                spec: Some(job_spec(lowering, component, cron.run, &job)),
            },
            ..CronJobSpec::default()
        }),
        status: None,
    }
}

fn job_spec(
    lowering: &mut Lowering<'_>,
    component: &Component,
    run: Run,
    sources: &Recorder,
) -> JobSpec {
    sources.model("backoffLimit", &["retries"]);
    sources.model("activeDeadlineSeconds", &["deadline"]);
    sources.model("completions", &["completions"]);
    sources.model("parallelism", &["parallelism"]);
    let mut template = pod::template(lowering, component, &sources.below("template"));
    sources.kcc(
        "template.spec.restartPolicy",
        "keeps a failed pod with its log and starts a new one",
    );
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
