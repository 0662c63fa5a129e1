//! The components that an instance shares with its target: those of the target itself
//! serve, and the instance creates nothing of them. They are reached under the same
//! names, over the networks or through the Services of the target.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::{Code, Diagnostic, nearest};
use kcc_model::{Component, EngineTarget, Kind, Name, SecretProvider, VolumeSource};
use serde::{Deserialize, Serialize};

use crate::lowering::{Lowering, secrets_used_by};

/// A component of the target that an instance uses instead of creating it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedComponent {
    /// The owning team.
    pub team: Name,
    /// The path in the model, such as `backings.db`.
    pub path: String,
    /// The namespace of the target on Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The generated secrets that it uses: their values are those of the target.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<Name>,
}

impl<'a> Lowering<'a> {
    /// Reports the components that cannot be shared.
    pub(crate) fn check_sharing(&mut self) {
        for name in self.shared {
            let Some(component) = self.target.components.get(name) else {
                self.report_unknown(name);
                continue;
            };
            if let Some((why, help)) = self.obstacle(component) {
                let path = &component.path;
                let message = format!("`{path}` cannot be shared: {why}");
                self.error(
                    Code::LowerUnshareable,
                    path,
                    message,
                    "cannot be shared",
                    help,
                );
            }
        }
    }

    fn report_unknown(&mut self, name: &str) {
        let target = &self.target.target;
        let known = self.target.components.keys();
        let help = nearest(name, known.map(String::as_str)).map_or_else(
            || format!("`kcc status --target {target}` lists the components"),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("`{target}` has no component `{name}` to share");
        let diagnostic = Diagnostic::error(Code::LowerUnshareable, message);
        self.report(diagnostic.target(target.as_str()).help(help));
    }

    /// Returns the reason why a component cannot be shared, and a remedy.
    fn obstacle(&self, component: &'a Component) -> Option<(String, String)> {
        let name = &component.name;
        let leave_out = format!("remove `--share {name}`");
        if let Some(why) = serves_nobody(component) {
            return Some((why.to_owned(), leave_out));
        }
        let volumes: BTreeSet<_> = volumes_of(component).collect();
        let (user, volume) = self.running().find_map(|other| {
            let volume = volumes_of(other).find(|volume| volumes.contains(volume))?;
            Some((other, volume))
        })?;
        let both = format!("share both: `--share {name} --share {}`", user.name);
        Some((
            format!(
                "`{}` of the instance mounts its volume `{volume}`",
                user.name
            ),
            serves_nobody(user).map_or(both, |_| leave_out),
        ))
    }

    /// Returns the namespace of the target itself; none on Docker.
    pub(crate) fn target_namespace(&self) -> Option<&'a str> {
        match &self.target.engine {
            EngineTarget::Docker {} => None,
            EngineTarget::Kubernetes { namespace, .. } => Some(namespace),
        }
    }

    /// Returns true unless only shared components mount a volume of the system.
    pub(crate) fn has_volume(&self, volume: &str) -> bool {
        let mounts = |component: &Component| volumes_of(component).any(|other| other == volume);
        self.running().any(mounts) || !self.shared().any(mounts)
    }

    /// Returns the generated secrets of shared components: their values are those of the
    /// target.
    pub(crate) fn shared_secrets(&self) -> BTreeSet<&'a Name> {
        self.generated(self.shared())
    }

    /// Returns the secrets of components that kcc generates.
    fn generated(&self, components: impl Iterator<Item = &'a Component>) -> BTreeSet<&'a Name> {
        let used = secrets_used_by(components).into_keys();
        let is_generated = |name: &&Name| {
            let secret = self.target.secrets.get(*name);
            secret.is_some_and(|secret| secret.provider == SecretProvider::Generate {})
        };
        used.filter(is_generated).collect()
    }
}

/// Returns the reason why no component of an instance could connect to a component of the
/// target.
fn serves_nobody(component: &Component) -> Option<&'static str> {
    match &component.kind {
        Kind::Backing { external: true, .. } => {
            Some("it runs outside the system, where every instance reaches it")
        }
        Kind::Job(_) | Kind::CronJob(_) => Some("it is a job, which serves nobody"),
        _ if component.ports.is_empty() => Some("it has no port to connect to"),
        Kind::Service | Kind::Backing { .. } => None,
    }
}

/// Returns the volumes of the system that a component mounts.
fn volumes_of(component: &Component) -> impl Iterator<Item = &Name> {
    let volumes = component.volumes.values();
    volumes.filter_map(|volume| match &volume.source {
        VolumeSource::Shared(name) => Some(name),
        _ => None,
    })
}

/// Describes the shared components.
pub(crate) fn components(lowering: &Lowering<'_>) -> BTreeMap<Name, SharedComponent> {
    let described = lowering.shared().map(|component| {
        let secrets = lowering.generated(std::iter::once(component));
        let described = SharedComponent {
            team: component.team.clone(),
            path: component.path.to_string(),
            namespace: lowering.target_namespace().map(str::to_owned),
            secrets: secrets.into_iter().cloned().collect(),
        };
        (component.name.clone(), described)
    });
    described.collect()
}
