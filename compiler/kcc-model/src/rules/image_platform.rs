//! Reports components of a platform that their image does not have, as far as
//! `kcc.lock` knows: the declared one, or on Kubernetes that of the nodes.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Engine;

use super::image_facts::images;
use super::view::View;

/// The labels that the kubelet gives its node.
const ARCHITECTURE: &str = "kubernetes.io/arch";
const OPERATING_SYSTEM: &str = "kubernetes.io/os";

pub(super) fn image_platform(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let on_kubernetes = view.target.engine.is(Engine::Kubernetes);
    for image in images(view) {
        let component = image.component;
        let nodes = &component.placement.nodes;
        let label = |name| nodes.get(name).filter(|_| on_kubernetes);
        let (node_os, node_architecture) = (label(OPERATING_SYSTEM), label(ARCHITECTURE));
        let mut declared = image.container.platform.iter().flat_map(|it| it.split('/'));
        // Labels of nodes win, as in the selector of the pod.
        let os = node_os.map(String::as_str).or(declared.next());
        let architecture = node_architecture.map(String::as_str).or(declared.next());
        let platforms = &image.facts.platforms;
        let fits = platforms.keys().any(|platform| {
            os.is_none_or(|os| *os == platform.os)
                && architecture.is_none_or(|name| *name == platform.architecture)
        });
        if fits || platforms.is_empty() {
            continue;
        }
        let known: Vec<_> = platforms
            .keys()
            .map(|platform| format!("`{platform}`"))
            .collect();
        let known = known.join(" or ");
        let (path, place, alternative) = if node_os.is_some() || node_architecture.is_some() {
            let label = match node_architecture {
                Some(_) => ARCHITECTURE,
                None => OPERATING_SYSTEM,
            };
            let path = component.path.join("placement").join("nodes").join(label);
            (path, "is placed on nodes of", format!("nodes of {known}"))
        } else {
            let path = component.path.join("platform");
            (path, "has platform", format!("platform {known}"))
        };
        let message = format!(
            "`{}` {place} `{}/{}`, which image `{}` does not support",
            component.path,
            os.unwrap_or("linux"),
            architecture.unwrap_or("*"),
            image.reference
        );
        let error =
            view.reporter
                .error(Code::CheckImagePlatform, &path, message, "not in the image");
        let error = view
            .reporter
            .add_label(error, &image.path.join("image"), "this image");
        diagnostics.push(error.help(format!("use an image for that platform, or {alternative}")));
    }
}
