//! [`Objects`]: the objects lowered so far, in rendering order.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use k8s_openapi::{Metadata, Resource, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kcc_diag::Code;
use kcc_model::Component;
use kcc_tree::Path;
use serde::Serialize;

use crate::kubernetes::{Object, kind, metadata};
use crate::lowering::Lowering;
use crate::source::Recorder;

/// The owner and path of an object.
pub(super) struct Attribution<'a> {
    pub(super) component: Option<&'a Component>,
    pub(super) team: Option<&'a str>,
    pub(super) path: Path,
    /// Set if the object holds data.
    pub(super) data: bool,
}

impl<'a> Attribution<'a> {
    pub(super) fn component(component: &'a Component) -> Self {
        Self {
            component: Some(component),
            team: Some(&component.team),
            path: component.path.clone(),
            data: false,
        }
    }

    pub(super) fn team(team: &'a str, path: Path) -> Self {
        Self {
            component: None,
            team: Some(team),
            path,
            data: false,
        }
    }

    /// Starts the record of the object's sources, with those that every object has.
    pub(super) fn sources(&self, lowering: &Lowering<'_>) -> Recorder {
        let sources = match self.component {
            Some(component) => Recorder::of(component),
            None => Recorder::at(self.path.clone()),
        };
        metadata::record(lowering, &sources);
        sources
    }

    /// The namespace, which holds data because deleting it deletes all its claims.
    pub(super) fn system() -> Self {
        Self {
            component: None,
            team: None,
            path: Path::of(["system"]),
            data: true,
        }
    }
}

/// The order in which objects are rendered: the rank of the kind, the kind, the name.
type Order = (usize, String, String);

/// Returns an object's position in the rendering order.
pub(crate) fn order(object: &Object) -> Order {
    let mut rendered = kind::RENDERED.iter();
    let rank = rendered.position(|kind| kind.name == object.kind);
    let rank = rank.unwrap_or(kind::RENDERED.len());
    (rank, object.kind.clone(), object.name.clone())
}

/// The objects so far, by the rank of their kind and by name.
pub(super) struct Objects<'a> {
    pub(super) namespace: &'a str,
    pub(super) by_rank: BTreeMap<Order, Object>,
}

impl Objects<'_> {
    pub(super) fn add<T>(
        &mut self,
        lowering: &mut Lowering<'_>,
        object: &T,
        attribution: &Attribution<'_>,
        sources: &Recorder,
    ) where
        T: Resource + Metadata<Ty = ObjectMeta> + Serialize,
    {
        let object = Object {
            api_version: T::API_VERSION.to_owned(),
            kind: T::KIND.to_owned(),
            namespace: object.metadata().namespace.clone(),
            name: object.metadata().name.clone().unwrap_or_default(),
            component: attribution
                .component
                .map(|component| component.name.clone()),
            team: attribution.team.map(str::to_owned),
            data: attribution.data,
            manifest: serde_json::to_value(object).unwrap_or_default(),
        };
        self.push(lowering, object, &attribution.path, sources);
    }

    /// Adds a complete object; reports a duplicate name.
    pub(super) fn push(
        &mut self,
        lowering: &mut Lowering<'_>,
        object: Object,
        path: &Path,
        sources: &Recorder,
    ) {
        match self.by_rank.entry(order(&object)) {
            Entry::Occupied(_) => lowering.error(
                Code::LowerNameClash,
                path,
                format!("duplicate {} `{}`", object.kind, object.name),
                "duplicate name",
                "rename one of the two",
            ),
            Entry::Vacant(free) => {
                lowering.record(&object.kind, &object.name, sources.finish());
                free.insert(object);
            }
        }
    }
}
