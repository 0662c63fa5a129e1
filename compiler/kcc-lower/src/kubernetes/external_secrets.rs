//! Lowers secrets of external stores to `ExternalSecret` objects, from which the
//! external-secrets operator creates Secrets. No library has the operator's types,
//! so this module defines the fields that kcc sets.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcc_model::SecretProvider;
use serde::Serialize;

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::objects::{Attribution, Objects};
use crate::kubernetes::{ENCODED_KEY, GENERATED_KEY, Object};
use crate::lowering::Lowering;

const API_VERSION: &str = "external-secrets.io/v1";
const KIND: &str = "ExternalSecret";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalSecret {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: Spec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    secret_store_ref: Store,
    target: Target,
    data: Vec<Data>,
}

#[derive(Serialize)]
struct Store {
    name: String,
    kind: String,
}

#[derive(Serialize)]
struct Target {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<Template>,
}

/// The template of the Secret's data; without one it is only the value.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    engine_version: &'static str,
    data: BTreeMap<&'static str, &'static str>,
}

/// Returns a template with the plain and the percent-encoded value. Go's `urlquery`
/// encodes a space as `+`, which is only valid in forms.
fn template() -> Template {
    let data = [
        (GENERATED_KEY, "{{ .value }}"),
        (
            ENCODED_KEY,
            "{{ .value | urlquery | replace \"+\" \"%20\" }}",
        ),
    ];
    Template {
        engine_version: "v2",
        data: data.into(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    secret_key: &'static str,
    remote_ref: Remote,
}

#[derive(Serialize)]
struct Remote {
    key: String,
}

pub(super) fn lower(lowering: &mut Lowering<'_>, objects: &mut Objects<'_>) {
    let encoded = lowering.encoded_secrets();
    for name in lowering.secrets_in_use().into_keys() {
        let Some(secret) = lowering.target.secrets.get(name) else {
            continue;
        };
        let SecretProvider::External { store, kind, key } = &secret.provider else {
            continue;
        };
        let attribution = Attribution::team(&secret.team, secret.path.clone());
        let sources = attribution.sources(lowering);
        sources.model("spec.secretStoreRef.name", &["external.store"]);
        sources.model("spec.secretStoreRef.kind", &["external.kind"]);
        sources.model("spec.target", &["external"]);
        sources.model("spec.data", &["external.key"]);
        let owner = Owner::Team(&secret.team);
        let external = ExternalSecret {
            api_version: API_VERSION,
            kind: KIND,
            metadata: metadata::object(lowering, name, Some(objects.namespace), owner),
            spec: Spec {
                secret_store_ref: Store {
                    name: store.clone(),
                    kind: kind.clone(),
                },
                target: Target {
                    name: name.clone(),
                    template: encoded.contains(name).then(template),
                },
                data: vec![Data {
                    secret_key: GENERATED_KEY,
                    remote_ref: Remote { key: key.clone() },
                }],
            },
        };
        let object = Object {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            namespace: Some(objects.namespace.to_owned()),
            name: name.clone(),
            component: None,
            team: Some(secret.team.clone()),
            data: false,
            manifest: serde_json::to_value(external).unwrap_or_default(),
        };
        objects.push(lowering, object, &secret.path, &sources);
    }
}
