//! Plans images: rebuilds those whose context changed, pulls those that are missing.

use kcc_plan::{Action, Draft};

use super::{IMAGE, Reconciler};
use crate::payload::Payload;

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
}
