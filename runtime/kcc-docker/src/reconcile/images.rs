//! Images: built anew where their context changed, fetched where they lack.

use kcc_plan::{Action, Draft};

use super::{IMAGE, Reconciler};
use crate::work::Work;

impl Reconciler<'_> {
    pub(super) fn images(&mut self) {
        for (reference, image) in &self.docker.images {
            let present = self.observed.images.get(reference);
            let context = self.observed.contexts.get(reference);
            let (action, cause, work) = match (&image.build, context) {
                (Some(build), Some(hash)) => {
                    let folder = &build.context;
                    let work = Work::Build {
                        build: build.clone(),
                        context_hash: hash.clone(),
                    };
                    match present {
                        Some(image) if image.context_hash.as_ref() == Some(hash) => {
                            self.plan.unchanged();
                            continue;
                        }
                        Some(_) => (Action::Update, format!("`{folder}` changed"), work),
                        None => (Action::Create, format!("`{folder}` was never built"), work),
                    }
                }
                _ if present.is_some() => {
                    self.plan.unchanged();
                    continue;
                }
                _ => {
                    let work = Work::Pull {
                        reference: reference.clone(),
                    };
                    (
                        Action::Create,
                        "the engine does not have it".to_owned(),
                        work,
                    )
                }
            };
            if action == Action::Update {
                self.rebuilt.insert(reference);
            }
            let draft = Draft::new(action, IMAGE, reference, cause, work);
            self.plan.push(draft.component(&image.component));
        }
    }
}
