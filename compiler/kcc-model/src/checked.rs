//! [`CheckedModel`]: the proof that every rule held.

use crate::SystemModel;

/// A model that passed every rule; only [`crate::check`] makes one.
#[derive(Debug, Clone)]
pub struct CheckedModel(SystemModel);

impl CheckedModel {
    pub(crate) fn new(model: SystemModel) -> Self {
        Self(model)
    }
}

impl std::ops::Deref for CheckedModel {
    type Target = SystemModel;

    fn deref(&self) -> &SystemModel {
        &self.0
    }
}
