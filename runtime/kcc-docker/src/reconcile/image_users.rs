//! Refuses to plan where an image that is there would start as root and must
//! not. One that this plan fetches or builds is examined before a container is
//! made from it.

use std::collections::BTreeSet;

use kcc_lower::docker::Container;
use kcc_plan::Error;

use super::Reconciler;
use crate::image_user::refused;

impl Reconciler<'_> {
    /// Names every such image of the containers that this plan makes.
    pub(super) fn refuse_image_users(&self) -> Result<(), Error> {
        let mut images = BTreeSet::new();
        let made = self.anew.iter().map(|name| &self.docker.containers[*name]);
        for container in made.flat_map(Container::with_init) {
            let reference = container.image.as_str();
            let there = self.observed.images.get(reference);
            if let Some(image) = there.filter(|_| !self.rebuilt.contains(reference)) {
                images.extend(refused(container, &self.path_of(container), &image.user));
            }
        }
        if images.is_empty() {
            return Ok(());
        }
        Err(images.into_iter().collect::<Vec<_>>().into())
    }

    /// The path of a container's component in the model.
    pub(super) fn path_of(&self, container: &Container) -> String {
        let name = &container.component;
        let component = self.desired.components.get(name);
        component.map_or_else(|| name.clone(), |component| component.path.clone())
    }
}
