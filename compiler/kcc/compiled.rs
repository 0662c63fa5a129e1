//! [`Compiled`]: one target, from its fragments to its desired state.

use std::sync::Arc;

use kcc_diag::{Diagnostic, Subject};
use kcc_lower::{Desired, Lowered};
use kcc_model::{CheckedModel, TargetModel};
use kcc_plan::Refusal;
use kcc_tree::ConfigTree;

use crate::{
    failure::{Diagnosis, Failure},
    load::Root,
    provenance::{FragmentOrigins, FragmentRecord},
};

/// One target, from its fragments to its desired state.
#[derive(Debug)]
pub struct Compiled {
    /// The system's root.
    pub root: Root,
    /// The values with their origins.
    pub(crate) tree: Arc<ConfigTree>,
    /// The checked model of this target.
    pub model: Arc<CheckedModel>,
    /// The desired state of the target's engine, with the sources of its fields.
    pub(crate) lowered: Arc<Lowered>,
}

impl Compiled {
    /// Returns the desired state of the target's engine.
    pub fn desired(&self) -> &Desired {
        &self.lowered.desired
    }

    /// Returns the model of the target.
    pub fn target_model(&self) -> &TargetModel {
        // A target without a model is not lowered.
        &self.model.targets[&self.desired().target]
    }

    /// Returns the origins of the values in the desired objects.
    pub fn origins(&self) -> FragmentOrigins {
        FragmentOrigins::new(self.tree.clone(), self.lowered.clone())
    }

    /// Returns the desired state with its provenance, as a revision records it.
    pub fn record(&self) -> FragmentRecord {
        let (model, lowered) = (self.model.clone(), self.lowered.clone());
        FragmentRecord::new(self.root.clone(), self.tree.clone(), model, lowered)
    }

    /// Returns the target with another desired state, which its fragments do not have.
    #[must_use]
    pub fn with(self, lowered: Arc<Lowered>) -> Self {
        Self { lowered, ..self }
    }

    /// Turns an error of an engine into a failure. Secrets without a value and
    /// images that must not start become diagnostics at the lines that declare
    /// them.
    pub fn failure(&self, error: kcc_plan::Error) -> Failure {
        if !error.refusals.is_empty() {
            return Failure::Unavailable(self.refused(&error.refusals));
        }
        if error.secrets.is_empty() && error.images.is_empty() {
            return error.into();
        }
        let target = &self.desired().target;
        let refused = error.images.iter().map(|image| {
            let mut diagnostic = Diagnostic::error(error.code, image.message())
                .target(target.as_str())
                .help(image.help());
            let mut components = self.target_model().components.values();
            let component = components.find(|component| component.path.to_string() == image.path);
            let origin = component.and_then(|component| {
                diagnostic.subject = Subject::from(&component.path);
                let fields = ["image", "build"].into_iter();
                let mut fields = fields.map(|field| component.path.join(field));
                fields.find_map(|field| self.tree.origin(target, &field))
            });
            match origin {
                Some(origin) => diagnostic.primary(origin.span, "this image"),
                None => diagnostic,
            }
        });
        let lacking = error.secrets.iter().map(|secret| {
            let mut diagnostic = Diagnostic::error(error.code, secret.message())
                .target(target.as_str())
                .help(secret.help.as_str());
            if let Some(declared) = self.target_model().secrets.get(&secret.name) {
                diagnostic = diagnostic.at(&declared.path);
                if let Some(origin) = self.tree.origin(target, &declared.path) {
                    diagnostic = diagnostic.primary(origin.span, "declared here");
                }
            }
            diagnostic
        });
        let mut diagnosis = Diagnosis {
            diagnostics: lacking.chain(refused).collect(),
            files: Arc::clone(&self.tree.files),
            targets: self.tree.targets.keys().cloned().collect(),
            root: self.root.shown().to_owned(),
        };
        diagnosis.diagnostics.sort(&diagnosis.files);
        if error.secrets.is_empty() {
            return Failure::Configuration(diagnosis);
        }
        Failure::Unavailable(diagnosis)
    }

    /// Locates refusals at the lines behind the fields that are in the way.
    fn refused(&self, refusals: &[Refusal]) -> Diagnosis {
        let target = &self.desired().target;
        let origins = self.origins();
        let located = refusals.iter().map(|refusal| {
            let mut diagnostic = Diagnostic::error(refusal.code, refusal.message.as_str())
                .target(target.as_str())
                .help(refusal.help.as_str());
            let component = refusal.component.as_ref();
            let component = component.and_then(|name| self.target_model().components.get(name));
            if let Some(component) = component {
                diagnostic.subject = Subject::from(&component.path);
            }
            let (kind, name) = &refusal.object;
            if let Some((path, origin)) = origins.locate(kind, name, &refusal.field) {
                return diagnostic.at(&path).primary(origin.span, "declared here");
            }
            let origin = component.and_then(|one| self.tree.origin(target, &one.path));
            match origin {
                Some(origin) => diagnostic.primary(origin.span, "declared here"),
                None => diagnostic,
            }
        });
        let mut diagnosis = Diagnosis {
            diagnostics: located.collect(),
            files: Arc::clone(&self.tree.files),
            targets: self.tree.targets.keys().cloned().collect(),
            root: self.root.shown().to_owned(),
        };
        diagnosis.diagnostics.sort(&diagnosis.files);
        diagnosis
    }
}
