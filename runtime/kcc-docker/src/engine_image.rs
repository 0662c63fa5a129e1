//! [`EngineImage`]: an image as an engine describes it.

use serde_json::Value;

/// An image as an engine describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EngineImage {
    /// The `config` of its configuration, with the field names of Docker's API.
    pub config: Value,
    /// The operating system.
    pub os: String,
    /// The architecture.
    pub architecture: String,
    /// The variant of the architecture.
    pub variant: Option<String>,
    /// The digests under which registries have it, as `name@digest`.
    pub digests: Vec<String>,
}
