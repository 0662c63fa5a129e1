//! [`KubeStore`]: keeps the record of a scope in `ConfigMap`s in the target's namespace,
//! so that a whole team and its CI share it. The head is compared by its resource
//! version. No record contains a secret.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use k8s_openapi::{
    ByteString, api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kcc_diag::Code;
use kcc_lock::Digest;
use kcc_plan::{
    Blob, Error, Options, Scope, Store, StoredHead, Swap, Version,
    journal::{self, Segment, SegmentStore},
};
use serde_json::json;

use crate::{client::Client, observed::label};

const HEAD: &str = "head";
const BLOB: &str = "blob";
/// The annotation with the number of parts of a blob, on the first one.
const PARTS: &str = "kcc.dev/parts";

/// The most bytes of one part. A `ConfigMap` holds 1 MiB, and a request 3 MiB with its
/// bytes as base64.
const PART: usize = 512 << 10;

/// The label of the segments of a journal.
const SEGMENT: &str = "kcc.dev/journal";

/// The text in place of the record of earlier versions of kcc, in the same `ConfigMap`.
/// They cannot parse it and change nothing.
const TAKEN_OVER: &str = "this record is for a later version of kcc";

/// The record of a scope in a cluster.
pub struct KubeStore {
    client: Arc<Client>,
    namespace: String,
    /// The name of the head, with which those of the blobs begin.
    name: String,
    system: String,
}

/// The record of an earlier version of kcc, as texts.
pub(crate) struct LegacyRecords {
    pub(crate) inventory: String,
    pub(crate) intent: Option<String>,
}

/// Returns the name of a scope's record. The dots keep it apart from components.
pub(crate) fn name_of(scope: &Scope) -> String {
    let mut name = format!("kcc.{}.{}", scope.system, scope.target);
    if let Some(instance) = &scope.instance {
        name = format!("{name}.{instance}");
    }
    name
}

/// Returns the blob of which an object with this name is a part, given the name of the
/// head.
fn blob_of(head: &str, name: &str) -> Option<Digest> {
    let rest = name.strip_prefix(head)?.strip_prefix('.')?;
    Digest::from_hex(rest.split_once('.').map_or(rest, |(hex, _)| hex))
}

/// Returns how the names of the segments of a scope's journal begin. They do not begin as
/// those of the record do: an instance may have any name.
fn journal_of(name: &str) -> String {
    name.replacen("kcc.", "kcc-journal.", 1)
}

/// Returns true if an object is a part of a scope's record.
pub(crate) fn is_record(scope: &Scope, kind: &str, name: &str) -> bool {
    let own = name_of(scope);
    match kind {
        "ConfigMap" => {
            name == own
                || blob_of(&own, name).is_some()
                || blob_of(&journal_of(&own), name).is_some()
        }
        // The lock of earlier versions of kcc.
        "Lease" => name == own,
        _ => false,
    }
}

impl KubeStore {
    /// Connects to the cluster of a context; without one, to the current context's.
    pub async fn connect(
        scope: &Scope,
        context: Option<&str>,
        namespace: &str,
        options: &Options,
    ) -> Result<Self, Error> {
        let client = Client::connect(context, options).await?;
        Ok(Self::new(Arc::new(client), namespace, scope))
    }

    pub(crate) fn new(client: Arc<Client>, namespace: &str, scope: &Scope) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
            name: name_of(scope),
            system: scope.system.clone(),
        }
    }

    /// Returns the record of an earlier version of kcc that was not taken over.
    pub(crate) async fn legacy(&self) -> Result<Option<LegacyRecords>, Error> {
        let mut data = self.head_map().await?.and_then(|map| map.data);
        let mut take = |key: &str| data.as_mut().and_then(|data| data.remove(key));
        let inventory = take("inventory").filter(|text| text != TAKEN_OVER);
        let intent = take("intent");
        Ok(inventory.map(|inventory| LegacyRecords { inventory, intent }))
    }

    /// Removes the record of an earlier version of kcc. Call it under the lock.
    pub(crate) async fn retire_legacy(&self) -> Result<(), Error> {
        let part = json!({"data": {"inventory": TAKEN_OVER, "intent": null}});
        let (namespace, name) = (&self.namespace, &self.name);
        self.client.merge_config_map(namespace, name, &part).await?;
        Ok(())
    }

    async fn head_map(&self) -> Result<Option<ConfigMap>, Error> {
        let (namespace, name) = (&self.namespace, &self.name);
        let Some(map) = self.client.config_map(namespace, name).await? else {
            return Ok(None);
        };
        let labels = map.metadata.labels.as_ref();
        let manager = labels.and_then(|labels| labels.get(label::MANAGED_BY));
        if manager.map(String::as_str) == Some(label::MANAGER) {
            return Ok(Some(map));
        }
        let message = format!(
            "ConfigMap `{name}` in namespace `{namespace}` has the name of kcc's record but is not managed by kcc"
        );
        Err(Error::new(Code::StateStore, message)
            .help("delete it, or recreate it under another name"))
    }

    fn labels(&self) -> [(&'static str, &str); 2] {
        [
            (label::MANAGED_BY, label::MANAGER),
            (label::STATE_OF, &self.system),
        ]
    }

    /// Returns a `ConfigMap` with the labels of records. They differ from those of
    /// components, so that the record does not belong to the target.
    fn map(&self, name: String) -> ConfigMap {
        let labels = self
            .labels()
            .map(|(label, value)| (label.to_owned(), value.to_owned()));
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(name),
                labels: Some(BTreeMap::from(labels)),
                ..ObjectMeta::default()
            },
            ..ConfigMap::default()
        }
    }

    fn part_name(&self, digest: &Digest, part: usize) -> String {
        match part {
            0 => format!("{}.{}", self.name, digest.hex()),
            _ => format!("{}.{}.{part}", self.name, digest.hex()),
        }
    }

    /// Returns the parts of a blob in the order of writing. The first part has their
    /// number and is written last: a blob that has it is complete.
    fn parts(&self, blob: &Blob) -> Vec<ConfigMap> {
        let packed = blob.packed();
        let count = packed.chunks(PART).count();
        let parts = packed.chunks(PART).enumerate().map(|(part, bytes)| {
            let mut map = self.map(self.part_name(blob.digest(), part));
            if part == 0 {
                let parts = (PARTS.to_owned(), count.to_string());
                map.metadata.annotations = Some(BTreeMap::from([parts]));
            }
            let content = (BLOB.to_owned(), ByteString(bytes.to_vec()));
            map.binary_data = Some(BTreeMap::from([content]));
            map.immutable = Some(true);
            map
        });
        parts.rev().collect()
    }

    /// Lists the names of all parts of blobs, complete or not.
    async fn stored_parts(&self) -> Result<Vec<(Digest, String)>, Error> {
        let labels = self
            .labels()
            .map(|(label, value)| format!("{label}={value}"))
            .join(",");
        let (client, namespace) = (&self.client, &self.namespace);
        let names = client.config_map_names(namespace, &labels).await?;
        let part = |name: String| Some((blob_of(&self.name, &name)?, name));
        Ok(names.into_iter().filter_map(part).collect())
    }

    /// Returns the bytes of a part, and the number of parts if it is the first.
    async fn part(&self, digest: &Digest, part: usize) -> Result<Option<(Vec<u8>, usize)>, Error> {
        let name = self.part_name(digest, part);
        let Some(map) = self.client.config_map(&self.namespace, &name).await? else {
            return Ok(None);
        };
        let annotations = map.metadata.annotations.as_ref();
        let count = annotations.and_then(|annotations| annotations.get(PARTS)?.parse().ok());
        let content = map.binary_data.and_then(|mut data| data.remove(BLOB));
        let bytes = content.map(|content| content.0).unwrap_or_default();
        Ok(Some((bytes, count.unwrap_or(1))))
    }
}

impl Store for KubeStore {
    async fn put(&self, blobs: &[Blob]) -> Result<(), Error> {
        for blob in blobs {
            if matches!(self.get(blob.digest()).await, Ok(Some(_))) {
                continue;
            }
            for part in self.parts(blob) {
                let (client, namespace) = (&self.client, &self.namespace);
                if client.claim_config_map(namespace, &part).await?.is_none() {
                    // It is left over from a command that was killed, or damaged.
                    let name = part.metadata.name.as_deref().unwrap_or_default();
                    client.release_config_map(namespace, name, None).await?;
                    client.claim_config_map(namespace, &part).await?;
                }
            }
        }
        Ok(())
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        let Some((mut packed, count)) = self.part(digest, 0).await? else {
            return Ok(None);
        };
        for part in 1..count {
            let Some((more, _)) = self.part(digest, part).await? else {
                return Ok(None);
            };
            packed.extend(more);
        }
        Blob::unpack(digest, &packed).map(Some)
    }

    async fn blobs(&self) -> Result<BTreeSet<Digest>, Error> {
        let parts = self.stored_parts().await?;
        Ok(parts.into_iter().map(|(digest, _)| digest).collect())
    }

    async fn remove(&self, digest: &Digest) -> Result<(), Error> {
        for (of, name) in self.stored_parts().await? {
            if of == *digest {
                let namespace = &self.namespace;
                self.client
                    .release_config_map(namespace, &name, None)
                    .await?;
            }
        }
        Ok(())
    }

    async fn head(&self) -> Result<StoredHead, Error> {
        let Some(map) = self.head_map().await? else {
            return Ok(StoredHead::default());
        };
        let version = map.metadata.resource_version.unwrap_or_default();
        let head = map.data.and_then(|mut data| data.remove(HEAD));
        Ok(StoredHead {
            version: Version(version),
            bytes: head.map(String::into_bytes),
        })
    }

    async fn swap(&self, previous: &Version, next: Option<&[u8]>) -> Result<Swap, Error> {
        let (client, namespace, name) = (&self.client, &self.namespace, &self.name);
        let head = next.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let version = match (previous.0.as_str(), head) {
            ("", Some(head)) => {
                let mut map = self.map(name.clone());
                map.data = Some(BTreeMap::from([
                    (HEAD.to_owned(), head),
                    ("inventory".to_owned(), TAKEN_OVER.to_owned()),
                ]));
                client.claim_config_map(namespace, &map).await?
            }
            (version, Some(head)) => {
                let part = json!({
                    "metadata": {"resourceVersion": version},
                    "data": {HEAD: head},
                });
                client.merge_config_map(namespace, name, &part).await?
            }
            (version, None) => {
                let version = Some(version);
                let removed = client.release_config_map(namespace, name, version).await?;
                removed.then(String::new)
            }
        };
        Ok(version.map_or(Swap::Lost, |version| Swap::Done(Version(version))))
    }

    async fn clear(&self) -> Result<(), Error> {
        journal::clear(self).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.client.time().await
    }
}

impl SegmentStore for KubeStore {
    fn limit(&self) -> usize {
        PART
    }

    async fn segments(&self) -> Result<Vec<Segment>, Error> {
        let labels = self
            .labels()
            .map(|(label, value)| format!("{label}={value}"))
            .join(",");
        let labels = format!("{labels},{SEGMENT}");
        let maps = self.client.labelled_config_maps(&self.namespace, &labels);
        let prefix = journal_of(&self.name);
        let segment = |map: ConfigMap| {
            let digest = blob_of(&prefix, map.metadata.name.as_deref()?)?;
            let packed = map.binary_data?.remove(BLOB)?.0;
            Some(Segment { digest, packed })
        };
        Ok(maps.await?.into_iter().filter_map(segment).collect())
    }

    async fn add(&self, segment: &Blob) -> Result<(), Error> {
        let name = format!("{}.{}", journal_of(&self.name), segment.digest().hex());
        let mut map = self.map(name);
        let labels = map.metadata.labels.get_or_insert_default();
        labels.insert(SEGMENT.to_owned(), String::new());
        let content = (BLOB.to_owned(), ByteString(segment.packed()));
        map.binary_data = Some(BTreeMap::from([content]));
        map.immutable = Some(true);
        // One of this name has the same content.
        let added = self.client.claim_config_map(&self.namespace, &map).await;
        added.map(drop)
    }

    async fn discard(&self, digest: &Digest) -> Result<(), Error> {
        let name = format!("{}.{}", journal_of(&self.name), digest.hex());
        let (client, namespace) = (&self.client, &self.namespace);
        let removed = client.release_config_map(namespace, &name, None).await;
        removed.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_objects_of_a_record() {
        let scope = |instance: Option<&str>| Scope {
            system: "shop".to_owned(),
            target: "prod".to_owned(),
            instance: instance.map(str::to_owned),
        };
        let hex = "0123456789abcdef".repeat(4);
        let own = |kind: &str, name: &str| is_record(&scope(None), kind, name);
        assert!(own("ConfigMap", "kcc.shop.prod"));
        assert!(own("ConfigMap", &format!("kcc.shop.prod.{hex}")));
        assert!(own("ConfigMap", &format!("kcc.shop.prod.{hex}.1")));
        assert!(own("ConfigMap", &format!("kcc-journal.shop.prod.{hex}")));
        assert!(own("Lease", "kcc.shop.prod"));
        assert!(!own("Secret", "kcc.shop.prod"));
        assert!(!own("ConfigMap", "kcc.shop.prod.pr-12"));
        assert!(!own("ConfigMap", "kcc.shop.product"));
        assert!(!own("ConfigMap", &format!("kcc-journal.shop.prod.x.{hex}")));
        assert!(is_record(
            &scope(Some("pr-12")),
            "ConfigMap",
            "kcc.shop.prod.pr-12"
        ));
    }
}
