//! The images of a target that `kcc.lock` has facts about.

use kcc_lock::ImageFacts;
use kcc_tree::Path;

use super::view::View;
use crate::{Component, Container, Image};

/// An image that a container uses, with its facts.
pub(super) struct UsedImage<'a> {
    pub(super) component: &'a Component,
    /// The path of the container.
    pub(super) path: Path,
    pub(super) container: &'a Container,
    pub(super) reference: &'a str,
    pub(super) facts: &'a ImageFacts,
}

/// Iterates over the containers of a target whose image is in `kcc.lock`. Skips init
/// steps and sidecars with the image of their component, which would repeat its
/// diagnostics.
pub(super) fn images<'a>(view: &View<'a>) -> impl Iterator<Item = UsedImage<'a>> + use<'a> {
    let images = &view.model.images;
    let components = view.target.components.values();
    let running = components.filter(|component| component.runs());
    let containers = running.flat_map(|component| {
        let own = component.containers().enumerate();
        own.map(move |(at, (path, container))| (component, at, path, container))
    });
    containers.filter_map(|(component, at, path, container)| {
        let Image::Reference(reference) = &container.image else {
            return None;
        };
        if at > 0 && container.image == component.container.image {
            return None;
        }
        Some(UsedImage {
            component,
            path,
            container,
            reference,
            facts: images.get(reference)?,
        })
    })
}
