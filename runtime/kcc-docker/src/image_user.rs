//! Checks the user that a container's image names if the container names none.

use std::collections::BTreeSet;

use kcc_lower::{Desired, docker::Container};
use kcc_model::{RefusedImage, RefusedUser};
use kcc_plan::Error;

use crate::{driver::DockerDriver, payload::NewContainer};

/// Returns the refusal of an image that would start as root in a container that
/// must not. A user named by the container was checked when it was lowered.
pub(crate) fn refused(container: &Container, path: &str, user: &str) -> Option<RefusedImage> {
    if container.user.is_some() || container.baseline {
        return None;
    }
    Some(RefusedImage {
        path: path.to_owned(),
        image: container.image.clone(),
        user: RefusedUser::root(user)?,
    })
}

/// Returns the model path of a container's component.
pub(crate) fn path_of(desired: &Desired, container: &Container) -> String {
    let name = &container.component;
    let component = desired.components.get(name);
    component.map_or_else(|| name.clone(), |component| component.path.clone())
}

impl DockerDriver<'_> {
    /// Fails if an image that was just built or pulled would start as root in any
    /// container that must not: all such images are named in one apply, before the
    /// containers that need each other are created one after the other.
    pub(crate) async fn refuse_new_image(&self, reference: &str) -> Result<(), Error> {
        let containers = self.docker.containers.values();
        let containers = containers.flat_map(Container::with_init);
        let mut images = BTreeSet::new();
        for container in containers.filter(|container| container.image == reference) {
            let user = self.user_of(container).await?;
            images.extend(refused(container, &path_of(self.desired, container), &user));
        }
        // One component stands for all with the image; a service comes last.
        match images.pop_last() {
            Some(image) => Err(vec![image].into()),
            None => Ok(()),
        }
    }

    /// Returns the user that a container runs as, as the fragment or else the
    /// image writes it.
    pub(crate) async fn user_of(&self, container: &Container) -> Result<String, Error> {
        if let Some(user) = &container.user {
            return Ok(user.clone());
        }
        let image = self.client.image(&container.image).await?;
        Ok(image.map(|image| image.user).unwrap_or_default())
    }

    /// Fails if the image of a new container, or of one of its init steps, would
    /// start as root and must not.
    pub(crate) async fn refuse_image_users(&self, new: &NewContainer) -> Result<(), Error> {
        for container in new.container.with_init() {
            let user = self.user_of(container).await?;
            if let Some(image) = refused(container, &new.path, &user) {
                return Err(vec![image].into());
            }
        }
        Ok(())
    }
}
