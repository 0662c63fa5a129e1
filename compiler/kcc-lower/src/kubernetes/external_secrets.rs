//! Secrets of outer stores: an `ExternalSecret` says to its operator which
//! Secret to make of them. The operator's types are in no library, so the ones
//! here hold what kcc says and no more.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcc_model::SecretProvider;
use serde::Serialize;

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::{ENCODED_KEY, GENERATED_KEY, Object, Objects};
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

/// What the operator makes of the value: without one, the value alone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    engine_version: &'static str,
    data: BTreeMap<&'static str, &'static str>,
}

/// The value as it is, and percent-encoded: the function that Go's templates have
/// for that writes a space as a form does.
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
        let owner = Owner::Team(&secret.team);
        let external = ExternalSecret {
            api_version: API_VERSION,
            kind: KIND,
            metadata: metadata::of(lowering, name, Some(objects.namespace), owner),
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
        objects.push(lowering, object, &secret.path);
    }
}
