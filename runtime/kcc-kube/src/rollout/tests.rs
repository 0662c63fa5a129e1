//! Tests the readiness of rollouts in every state.

use std::collections::BTreeMap;

use super::*;
use serde_json::json;

fn object(kind: &str, name: &str) -> Object {
    Object {
        api_version: "apps/v1".to_owned(),
        kind: kind.to_owned(),
        namespace: Some("shop".to_owned()),
        name: name.to_owned(),
        component: Some("web".to_owned()),
        team: None,
        data: false,
        manifest: Value::Null,
    }
}

fn web(generation: i64, status: &Value) -> Live {
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": generation},
        "spec": {"replicas": 2, "selector": {}, "template": {}},
        "status": status,
    });
    let mut live = Live::default();
    let deployment = serde_json::from_value(deployment).unwrap();
    live.deployments.insert("web".to_owned(), deployment);
    live
}

fn describe(live: &Live, kind: &str) -> String {
    match readiness(live, &object(kind, "web"), Until::Healthy) {
        Readiness::Ready => "ready".to_owned(),
        Readiness::Waiting(cause) => format!("waiting: {}", cause.text()),
        Readiness::Failed(cause) => format!("failed: {}", cause.text()),
    }
}

#[test]
fn follows_a_rollout_to_its_end() {
    let status = |updated: i32, available: i32, all: i32| {
        json!({"observedGeneration": 2, "replicas": all, "updatedReplicas": updated,
               "availableReplicas": available})
    };
    let at = |generation, status: &Value| describe(&web(generation, status), "Deployment");
    assert_eq!(
        describe(&Live::default(), "Deployment"),
        "waiting: Deployment `web` does not exist"
    );
    assert_eq!(
        at(3, &status(2, 2, 2)),
        "waiting: the cluster has not observed the change yet"
    );
    assert_eq!(at(2, &status(1, 2, 3)), "waiting: 1 of 2 replicas updated");
    assert_eq!(at(2, &status(2, 1, 2)), "waiting: 1 of 2 replicas ready");
    assert_eq!(
        at(2, &status(2, 2, 3)),
        "waiting: 1 replica of the previous revision still runs"
    );
    assert_eq!(at(2, &status(2, 2, 2)), "ready");
    let mut refused = status(0, 0, 0);
    refused["conditions"] = json!([{
        "type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small",
    }]);
    assert_eq!(
        at(2, &refused),
        "waiting: 0 of 2 replicas updated: pods cannot be created: quota `small` is exceeded"
    );
}

/// A rollout of one replica: the old one serves, and the new one is in a state.
fn replaced_by(state: &Value) -> Live {
    let mut live = web(
        2,
        &json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1,
                "availableReplicas": 1}),
    );
    let deployment = live.deployments.get_mut("web").unwrap();
    deployment.spec.as_mut().unwrap().replicas = Some(1);
    let annotations = BTreeMap::from([(
        "deployment.kubernetes.io/revision".to_owned(),
        "2".to_owned(),
    )]);
    deployment.metadata.uid = Some("d".to_owned());
    deployment.metadata.annotations = Some(annotations);
    for (revision, hash) in [("1", "old"), ("2", "new")] {
        let set = json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": hash,
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "labels": {"pod-template-hash": hash},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment",
                                     "name": "web", "uid": "d"}],
            },
        });
        live.replica_sets.push(serde_json::from_value(set).unwrap());
    }
    let pod = |hash: &str, ready: &str, state: &Value| {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": hash, "uid": hash, "labels": {
                "app.kubernetes.io/name": "web", "pod-template-hash": hash,
            }},
            "status": {
                "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{
                    "name": "web", "image": "acme/web:2", "imageID": "",
                    "ready": ready == "True", "restartCount": 4, "state": state,
                    "lastState": {"terminated": {"exitCode": 3}},
                }],
            },
        });
        serde_json::from_value(pod).unwrap()
    };
    let pods = vec![
        pod("old", "True", &json!({"running": {}})),
        pod("new", "False", state),
    ];
    live.pods = pods.into();
    live
}

#[test]
fn names_the_cause_of_a_broken_rollout_while_the_old_replica_serves() {
    let old = "; 1 replica of the previous revision still runs";
    let crash = "crash loop: exit code 3";
    let waits = |reason: &str| json!({"waiting": {"reason": reason}});
    for (state, expected) in [
        (waits("CrashLoopBackOff"), format!("failed: {crash}{old}")),
        // The cause stays the same between two runs.
        (json!({"running": {}}), format!("waiting: {crash}{old}")),
        (
            waits("ImagePullBackOff"),
            format!("failed: image `acme/web:2` cannot be pulled: ImagePullBackOff{old}"),
        ),
        (
            waits("ContainerCreating"),
            format!("waiting: container is being created{old}"),
        ),
    ] {
        assert_eq!(describe(&replaced_by(&state), "Deployment"), expected);
    }
    // A broken pod of the old revision does not fail the rollout of a new one.
    let mut live = replaced_by(&json!({"running": {}}));
    let mut pods = live.pods.to_vec();
    pods[0].status = replaced_by(&waits("CrashLoopBackOff")).pods[1]
        .status
        .clone();
    live.pods = pods.into();
    assert!(describe(&live, "Deployment").starts_with("waiting: "));
}

#[test]
fn zero_replicas_need_not_be_observed() {
    let mut live = web(1, &json!({}));
    let scaled = |live: &mut Live| {
        let deployment = live.deployments.get_mut("web").unwrap();
        deployment.spec.as_mut().unwrap().replicas = Some(0);
    };
    scaled(&mut live);
    assert_eq!(describe(&live, "Deployment"), "ready");
    let mut live = web(2, &json!({"observedGeneration": 1, "replicas": 3}));
    scaled(&mut live);
    assert_eq!(
        describe(&live, "Deployment"),
        "waiting: 3 replicas of the previous revision still run"
    );
}

#[test]
fn a_rollout_past_the_clusters_deadline_has_failed() {
    let status = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2,
    "availableReplicas": 1, "conditions": [{
        "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
    }]});
    assert_eq!(
        describe(&web(2, &status), "Deployment"),
        "failed: 1 of 2 replicas ready"
    );
}

#[test]
fn counts_every_node() {
    let at = |status: &Value| {
        let set = json!({
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "web", "generation": 2},
            "spec": {"selector": {}, "template": {}},
            "status": status,
        });
        let mut live = Live::default();
        let set = serde_json::from_value(set).unwrap();
        live.daemon_sets.insert("web".to_owned(), set);
        describe(&live, "DaemonSet")
    };
    let status = |generation: i64, wanted: i32, updated: i32, available: i32| {
        json!({"observedGeneration": generation, "currentNumberScheduled": wanted,
               "desiredNumberScheduled": wanted, "numberMisscheduled": 0, "numberReady": available,
               "updatedNumberScheduled": updated, "numberAvailable": available})
    };
    assert_eq!(
        at(&status(1, 0, 0, 0)),
        "waiting: the cluster has not observed the change yet"
    );
    assert_eq!(at(&status(2, 3, 1, 2)), "waiting: 1 of 3 replicas updated");
    assert_eq!(at(&status(2, 3, 3, 2)), "waiting: 2 of 3 replicas ready");
    assert_eq!(at(&status(2, 3, 3, 3)), "ready");
    assert_eq!(at(&status(2, 0, 0, 0)), "ready");
}

#[test]
fn a_job_completes_or_fails() {
    let at = |status: &Value| {
        let job = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "web"},
            "status": status,
        });
        let mut live = Live::default();
        let job = serde_json::from_value(job).unwrap();
        live.jobs.insert("web".to_owned(), job);
        describe(&live, "Job")
    };
    assert_eq!(at(&json!({})), "waiting: its pod does not exist yet");
    let ended = |kind: &str, reason: &str| json!({"conditions": [{"type": kind, "status": "True", "reason": reason}]});
    assert_eq!(at(&ended("Complete", "CompletionsReached")), "ready");
    assert_eq!(
        at(&ended("Failed", "BackoffLimitExceeded")),
        "failed: no retries left"
    );
}
