//! [`TargetContext`]: the inputs for decoding one target.

use kcc_lock::ImageFacts;
use kcc_tree::Path;

use crate::owners::Owners;
use crate::reporter::Reporter;
use crate::{EngineTarget, Image, Name, ReferencedFiles};

/// The inputs for decoding one target.
pub(crate) struct TargetContext<'a> {
    pub(crate) system: &'a str,
    pub(crate) reporter: Reporter<'a>,
    pub(crate) owners: &'a Owners,
    pub(crate) files: ReferencedFiles<'a>,
    pub(crate) engine: &'a EngineTarget,
}

impl TargetContext<'_> {
    /// Returns what `kcc.lock` says about an image.
    pub(crate) fn facts(&self, image: &Image) -> Option<&ImageFacts> {
        match image {
            Image::Reference(reference) => self.files.images.get(reference),
            Image::Build(_) => None,
        }
    }

    /// Returns the team that owns a path; the system's name if no team does.
    pub(crate) fn team(&self, path: &Path) -> Name {
        let team = self.owners.get(path).and_then(|owner| owner.team.clone());
        team.unwrap_or_else(|| self.system.to_owned())
    }
}
