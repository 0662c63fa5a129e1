//! The names of the labels and annotations that kcc sets on objects, and the reasons
//! for them. Lowering writes them, and the runtime recognises its objects by them.

/// The value of [`MANAGED_BY`], and the field manager of everything that kcc writes.
pub const MANAGER: &str = "kcc";

/// Set to [`MANAGER`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The system.
pub const SYSTEM: &str = "app.kubernetes.io/part-of";
/// The target.
pub const TARGET: &str = "app.kubernetes.io/instance";
/// The component.
pub const COMPONENT: &str = "app.kubernetes.io/name";
/// The role of the component: `service`, `job`, `cron-job`, or the kind of a backing.
pub const ROLE: &str = "app.kubernetes.io/component";
/// The owning team.
pub const TEAM: &str = "kcc.dev/team";
/// The instance of the target; without one the target has none.
pub const INSTANCE: &str = "kcc.dev/instance";
/// The system whose records an object holds.
pub const STATE_OF: &str = "kcc.dev/state-of";

/// The annotation of a pod that changes with the files and configs that it reads.
/// The change makes the cluster replace the pod.
pub const CONFIG_HASH: &str = "kcc.dev/config-hash";
/// The annotation of a pod with the time at which a secret that it reads last changed.
pub const SECRET_CHANGED_AT: &str = "kcc.dev/secret-changed-at";
/// The annotation of a pod with the time of the last requested restart.
pub const RESTARTED_AT: &str = "kcc.dev/restarted-at";

/// The reason for labels that never change.
pub(crate) const IDENTITY: &str = "kcc identifies its objects by it";

/// Returns true if kcc must not leave a field to another field manager: it
/// identifies objects, triggers rollouts, or protects the host.
pub fn is_required(field: &[String]) -> bool {
    // Never accept a weaker security context silently.
    let protects = |name: &String| name == "selector" || name == "securityContext";
    field.iter().any(protects) || is_own(field)
}

/// Returns true for a label that identifies objects, and for the annotation that
/// triggers rollouts.
fn is_own(field: &[String]) -> bool {
    let [.., above, key] = field else {
        return false;
    };
    let holds_labels = ["labels", "matchLabels", "selector"].contains(&above.as_str());
    let identifies = key.starts_with("app.kubernetes.io/") || key == TEAM;
    holds_labels && identifies || key == CONFIG_HASH
}
