//! The registry requires a login that the pod does not have.

use kcc_plan::Cause;

use super::{Facts, facts::list, pull};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let why = pull::refusal(facts)?;
    let denied = [
        "401 Unauthorized",
        "403 Forbidden",
        "pull access denied",
        "authorization failed",
        "no basic auth credentials",
    ];
    denied.iter().any(|text| why.contains(text)).then(|| {
        let spec = facts.pod.and_then(|pod| pod.spec.as_ref());
        let secrets = spec.into_iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten());
        let names: Vec<_> = secrets.map(|secret| secret.name.as_str()).collect();
        let evidence = if names.is_empty() {
            "the pod has no pull secret".to_owned()
        } else {
            format!("the pod's pull secrets are {}", list(&names))
        };
        let registry = pull::registry(facts);
        pull::cannot_pull(facts, &format!("registry `{registry}` requires a login"))
            .evidence(evidence)
            .help("add a pull secret for the registry to the service account of the pod")
    })
}
