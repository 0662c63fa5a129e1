//! The names of the labels that kcc sets on the objects of a Docker engine. Lowering
//! writes some, the runtime the rest, and recognises its objects by them.

/// The system.
pub const SYSTEM: &str = "dev.kcc.system";
/// The target.
pub const TARGET: &str = "dev.kcc.target";
/// The instance of the target; without one the target has none.
pub const INSTANCE: &str = "dev.kcc.instance";
/// The component.
pub const COMPONENT: &str = "dev.kcc.component";
/// The name of a volume of the system, which belongs to no component.
pub const VOLUME: &str = "dev.kcc.volume";
/// The owning team.
pub const TEAM: &str = "dev.kcc.team";
/// The command that runs in a container before it is stopped, as a JSON list. A
/// label, because a later apply may stop the container without knowing the fragment.
pub const PRE_STOP: &str = "dev.kcc.pre-stop";
/// The hash of the whole configuration of a container.
pub const CONFIG_HASH: &str = "dev.kcc.config-hash";
/// Short hashes of its fields, by which a plan names the changes.
pub const CONFIG_FIELDS: &str = "dev.kcc.config-fields";
/// The hash of the context that an image was built from.
pub const CONTEXT_HASH: &str = "dev.kcc.context-hash";
/// The volume from which a container that never starts copies into another one.
pub const COPY_OF: &str = "dev.kcc.copy-of";

/// The reason for labels, and for objects that only hold others together.
pub(crate) const IDENTITY: &str = "kcc identifies its objects by it";
