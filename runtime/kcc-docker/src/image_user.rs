//! The user that the image of a container names, where the container names none.

use kcc_lower::docker::Container;
use kcc_plan::{Error, RefusedImage, RefusedUser};

use crate::{engine::DockerEngine, work::NewContainer};

/// Returns the refusal of an image that would start as root in a container that
/// must not. A user that the container names was judged when it was lowered.
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

impl DockerEngine<'_> {
    /// Returns the user that a container runs as, in the words of whoever names
    /// it: the fragment, else the image.
    pub(crate) async fn user_of(&self, container: &Container) -> Result<String, Error> {
        if let Some(user) = &container.user {
            return Ok(user.clone());
        }
        let image = self.client.image(&container.image).await?;
        Ok(image.map(|image| image.user).unwrap_or_default())
    }

    /// Fails where the image of a container to be made, or that of an init step,
    /// would start as root and must not.
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
