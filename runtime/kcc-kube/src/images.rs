//! Compares the images that pods run with `kcc.lock`. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;
use kcc_lower::kubernetes::KubernetesDesired;
use kcc_plan::{Finding, FindingKind};

use crate::{live::Live, pods};

const IMAGE: &str = "image";

/// Finds images that pods run and that are not those in `kcc.lock`: what was checked is
/// not what runs.
pub(crate) fn moved(kube: &KubernetesDesired, live: &Live) -> Vec<Finding> {
    let mut found = BTreeMap::new();
    for pod in live.pods.iter() {
        for (reference, digest) in running(pod) {
            let Some(locked) = kube.locked.get(reference) else {
                continue;
            };
            if !locked.contains(digest) {
                let component = pods::component(pod).map(str::to_owned);
                found.insert(reference, finding(reference, digest, locked, component));
            }
        }
    }
    found.into_values().collect()
}

/// Returns the identities of the images that pods run, by reference: the name in the
/// registry with the digest of the manifest, or the digest of the image itself if it was
/// loaded onto the node.
pub(crate) fn identities(live: &Live) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (reference, id) in live.pods.iter().flat_map(ids) {
        if !id.is_empty() {
            let ids = found.entry(reference.to_owned()).or_default();
            ids.insert(id.to_owned());
        }
    }
    found
}

/// Returns the references of a pod's images with the digests that it runs. An image that
/// was loaded onto the node has none.
fn running(pod: &Pod) -> impl Iterator<Item = (&str, &str)> {
    ids(pod).filter_map(|(reference, id)| Some((reference, id.split_once('@')?.1)))
}

/// Returns the references of a pod's images with the identities that its node gives them.
fn ids(pod: &Pod) -> impl Iterator<Item = (&str, &str)> {
    let spec = pod.spec.iter();
    let declared = spec.flat_map(|spec| {
        spec.init_containers
            .iter()
            .flatten()
            .chain(&spec.containers)
    });
    let declared: BTreeMap<_, _> = declared
        .filter_map(|container| Some((&container.name, container.image.as_deref()?)))
        .collect();
    let statuses = pod.status.iter().flat_map(pods::containers);
    statuses
        .filter_map(move |status| Some((*declared.get(&status.name)?, status.image_id.as_str())))
}

fn finding(
    reference: &str,
    digest: &str,
    locked: &BTreeSet<String>,
    component: Option<String>,
) -> Finding {
    let known = locked.first().map_or("another one", |digest| short(digest));
    Finding {
        finding: FindingKind::Moved,
        kind: IMAGE.to_owned(),
        name: reference.to_owned(),
        component,
        team: None,
        cause: format!(
            "image `{reference}` is {} in the cluster, but {known} in `kcc.lock`",
            short(digest)
        ),
        help: Some(format!(
            "run `kcc lock --update {reference}` to check what runs, or write `images: \"digest\"` \
             in the target to run what was checked"
        )),
        alternatives: Vec::new(),
        conflict: None,
    }
}

/// Returns the first digits of a digest.
fn short(digest: &str) -> &str {
    digest.get(.."sha256:".len() + 12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn live(image_id: &str) -> Live {
        let pod: Value = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web-1"},
            "spec": {"containers": [{"name": "web", "image": "acme/web:1"}]},
            "status": {"containerStatuses": [{
                "name": "web", "image": "docker.io/acme/web:1", "imageID": image_id,
                "ready": true, "restartCount": 0,
            }]},
        });
        Live {
            pods: vec![serde_json::from_value(pod).unwrap()].into(),
            ..Live::default()
        }
    }

    fn found(image_id: &str, locked: &[&str]) -> Vec<String> {
        let live = live(image_id);
        let digests = locked.iter().map(|digest| (*digest).to_owned()).collect();
        let kube = KubernetesDesired {
            context: None,
            namespace: "shop".to_owned(),
            objects: Vec::new(),
            secrets: Vec::new(),
            builds: Vec::new(),
            locked: BTreeMap::from([("acme/web:1".to_owned(), digests)]),
        };
        let found = moved(&kube, &live).into_iter();
        found.map(|finding| finding.cause).collect()
    }

    #[test]
    fn an_image_is_known_by_its_manifest_or_by_itself() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for id in [digest.clone(), format!("docker.io/acme/web@{digest}")] {
            let ids = BTreeSet::from([id.clone()]);
            let expected = BTreeMap::from([("acme/web:1".to_owned(), ids)]);
            assert_eq!(identities(&live(&id)), expected);
        }
        assert_eq!(identities(&live("")), BTreeMap::new());
    }

    #[test]
    fn only_another_digest_is_reported() {
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        let (index, platform) = (digest("a"), digest("b"));
        let locked = [index.as_str(), &platform];
        let runs = |digest: &str| format!("docker.io/acme/web@{digest}");
        assert_eq!(found(&runs(&index), &locked), [""; 0]);
        assert_eq!(found(&runs(&platform), &locked), [""; 0]);
        assert_eq!(found(&index, &locked), [""; 0], "it was loaded");
        assert_eq!(
            found(&runs(&digest("c")), &locked),
            [
                "image `acme/web:1` is sha256:cccccccccccc in the cluster, but sha256:aaaaaaaaaaaa in \
              `kcc.lock`"
            ]
        );
    }
}
