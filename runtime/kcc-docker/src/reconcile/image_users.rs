//! Refuses to plan if an existing image would start as root and must not. Images
//! that this plan pulls or builds are checked before a container is created from
//! them.

use std::collections::BTreeSet;

use kcc_lower::docker::Container;
use kcc_plan::Error;

use super::Reconciler;
use crate::image_user::{path_of, refused};

impl Reconciler<'_> {
    /// Fails with every such image among the containers that this plan creates.
    pub(super) fn refuse_image_users(&self) -> Result<(), Error> {
        let mut images = BTreeSet::new();
        let created = self
            .created
            .iter()
            .map(|name| &self.docker.containers[*name]);
        for container in created.flat_map(Container::with_init) {
            let reference = container.image.as_str();
            let existing = self.observed.images.get(reference);
            if let Some(image) = existing.filter(|_| !self.rebuilt.contains(reference)) {
                images.extend(refused(
                    container,
                    &path_of(self.desired, container),
                    &image.user,
                ));
            }
        }
        if images.is_empty() {
            return Ok(());
        }
        Err(images.into_iter().collect::<Vec<_>>().into())
    }
}
