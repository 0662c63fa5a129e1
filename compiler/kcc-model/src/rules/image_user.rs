//! Reports images that would start as a user that the profile `restricted` refuses,
//! as far as `kcc.lock` knows. Other images are checked when they are applied.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Engine;

use super::image_facts::images;
use super::view::View;
use crate::{Profile, RefusedImage, RefusedUser};

pub(super) fn image_user(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for image in images(view) {
        let container = image.container;
        if container.user.is_some() || container.security.profile == Profile::Baseline {
            continue;
        }
        let user = image.facts.user.as_deref().unwrap_or_default();
        let refused = match image.facts.uid {
            Some(0) => RefusedUser::root(user),
            Some(_) => None,
            // The kubelet refuses a name, and the image does not tell its number.
            None if view.target.engine.is(Engine::Kubernetes) => {
                Some(RefusedUser::Unresolved(user.to_owned()))
            }
            None => RefusedUser::root(user),
        };
        let Some(user) = refused else { continue };
        let refused = RefusedImage {
            path: image.component.path.to_string(),
            image: image.reference.to_owned(),
            user,
        };
        let error = view.reporter.error(
            Code::ApplyImageUser,
            &image.path.join("image"),
            refused.message(),
            "this image",
        );
        diagnostics.push(error.help(refused.help()));
    }
}
