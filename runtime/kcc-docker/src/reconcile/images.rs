//! Plans images: rebuilds those whose context changed, pulls those that are missing.

use kcc_lower::docker::Image;
use kcc_plan::{Action, Draft, Finding, FindingKind};

use super::{IMAGE, Reconciler};
use crate::{observed::ObservedImage, payload::Payload};

impl Reconciler<'_> {
    pub(super) fn images(&mut self) {
        for (reference, image) in &self.docker.images {
            let present = self.observed.images.get(reference);
            let context = self.observed.contexts.get(reference);
            let (action, cause, payload) = match (&image.build, context) {
                (Some(build), Some(hash)) => {
                    let context = &build.context;
                    let payload = Payload::Build {
                        build: build.clone(),
                        platform: image.platform.clone(),
                        context_hash: hash.clone(),
                    };
                    match present {
                        Some(image) if image.context_hash.as_ref() == Some(hash) => {
                            self.plan.count_unchanged();
                            continue;
                        }
                        Some(_) => (Action::Update, format!("`{context}` changed"), payload),
                        None => (
                            Action::Create,
                            format!("`{context}` was never built"),
                            payload,
                        ),
                    }
                }
                _ if present.is_some_and(|present| present.is_for(image.platform.as_deref())) => {
                    self.plan.count_unchanged();
                    if let Some(found) = present {
                        self.moved_digest(reference, image, found);
                    }
                    continue;
                }
                _ => {
                    let payload = Payload::Pull {
                        reference: reference.clone(),
                        platform: image.platform.clone(),
                    };
                    match (present, &image.platform) {
                        (Some(_), Some(platform)) => {
                            let cause = format!("the image on the engine is not for {platform}");
                            (Action::Update, cause, payload)
                        }
                        _ => (
                            Action::Create,
                            "not present on the engine".to_owned(),
                            payload,
                        ),
                    }
                }
            };
            if action == Action::Update {
                self.rebuilt.insert(reference);
            }
            let draft = Draft::new(action, IMAGE, reference, cause, payload);
            self.plan.push(draft.component(&image.component));
        }
    }

    /// Reports an image of the engine that is not the one in `kcc.lock`: what was
    /// checked is not what runs.
    fn moved_digest(&mut self, reference: &str, image: &Image, found: &ObservedImage) {
        let Some((cause, help)) = moved(reference, image, found) else {
            return;
        };
        self.plan.add_finding(Finding {
            finding: FindingKind::Moved,
            kind: IMAGE.to_owned(),
            name: reference.to_owned(),
            component: Some(image.component.clone()),
            team: None,
            cause,
            help: Some(help),
            alternatives: Vec::new(),
            conflict: None,
        });
    }
}

/// Compares an image of the engine with `kcc.lock`. Returns how they differ, and what to
/// do about it.
pub(crate) fn moved(
    reference: &str,
    image: &Image,
    found: &ObservedImage,
) -> Option<(String, String)> {
    let locked = image.locked.as_ref()?;
    let digests = found.digests.iter();
    let mut digests = digests
        .filter_map(|name| Some(name.split_once('@')?.1))
        .peekable();
    // An image that was built or loaded here has no digest to compare.
    let other = digests.peek().copied()?;
    if digests.any(|digest| digest == locked) {
        return None;
    }
    let cause = format!(
        "image `{reference}` is {} on the engine, but {} in `kcc.lock`",
        short(other),
        short(locked)
    );
    let help = format!(
        "take the engine's with `kcc lock --update {reference}`, or get the other one with \
         `docker pull {reference}`"
    );
    Some((cause, help))
}

/// Returns the first digits of a digest.
fn short(digest: &str) -> &str {
    digest.get(.."sha256:".len() + 12).unwrap_or(digest)
}
