//! Plans to take over from Compose: containers give way, and volumes are copied.

use std::collections::BTreeSet;

use kcc_lower::docker::Container;
use kcc_model::{EnvValue, SecretProvider};
use kcc_plan::{Action, Draft, Finding};

use super::{CONTAINER, Reconciler, VOLUME};
use crate::{
    compose::{self, Project},
    payload::Payload,
};

impl Reconciler<'_> {
    /// Plans to remove the containers that give way, and names what stays.
    pub(super) fn compose(&mut self) {
        let Some(project) = &self.observed.compose else {
            return;
        };
        for (name, container) in &project.containers {
            let service = &container.service;
            let of = format!("service `{service}` of Compose project `{}`", project.name);
            if !container.declared {
                let cause = format!("{of}, which is not declared, so it stays as it is");
                self.remains(CONTAINER, name, cause, None);
                continue;
            }
            let payload = Payload::RemoveFormer {
                id: container.id.clone(),
            };
            let cause = format!("taken over from Compose: {of}; its volumes stay");
            let draft = Draft::new(Action::Delete, CONTAINER, name, cause, payload);
            self.plan.push(draft.component(service));
        }
        for volume in self.docker.volumes.keys() {
            let Some(source) = project.source(self.docker, volume) else {
                continue;
            };
            let cause = if self.observed.volumes.contains_key(volume) {
                format!("not copied, since `{volume}` exists already; it stays as it is")
            } else {
                format!("its data is copied to `{volume}`; it stays as it is")
            };
            let help = format!("once nobody needs it: `docker volume rm {source}`");
            self.remains(VOLUME, source, cause, Some(help));
            for secret in self.generated_secrets(volume) {
                let cause = format!(
                    "its data may know another password than `{secret}`, which is generated"
                );
                let help = format!(
                    "declare where the password comes from: `secrets: {secret}: env: \"VARIABLE\"`"
                );
                self.remains(VOLUME, volume, cause, Some(help));
            }
        }
    }

    /// Returns the generated secrets in the environment of the containers that mount a
    /// volume.
    fn generated_secrets(&self, volume: &str) -> BTreeSet<String> {
        let containers = self.docker.containers.values();
        let users = containers.filter(|container| mounts(container, volume));
        let names = users.flat_map(|container| container.env.values());
        let generated = names.filter_map(|value| match value {
            EnvValue::Secret(name) => Some(name),
            _ => None,
        });
        let is_generated = |name: &&String| {
            let provider = self.docker.secrets.get(*name);
            matches!(provider, Some(SecretProvider::Generate { .. }))
        };
        generated.filter(is_generated).cloned().collect()
    }

    fn remains(&mut self, kind: &str, name: &str, cause: String, help: Option<String>) {
        self.plan
            .add_finding(Finding::remains(kind, name, cause, help));
    }

    /// Returns the volume from which a new volume is copied.
    pub(super) fn source_of(&self, volume: &str) -> Option<String> {
        if let Some(source) = self.observed.copiers.get(volume) {
            return Some(source.clone());
        }
        let project = self.observed.compose.as_ref()?;
        let exists = self.observed.volumes.contains_key(volume);
        let source = project.source(self.docker, volume).filter(|_| !exists);
        source.map(str::to_owned)
    }

    /// Orders the copy of a volume after the removal of all that might write to it.
    pub(super) fn after_former(&self, mut draft: Draft<Payload>) -> Draft<Payload> {
        for (name, _) in self.observed.compose.iter().flat_map(Project::replaced) {
            draft = draft.after_removal(CONTAINER, name);
        }
        draft
    }

    /// Orders the start of a container after the removal of those that it replaces, or
    /// whose host ports it takes.
    pub(super) fn after_replaced(
        &self,
        mut draft: Draft<Payload>,
        container: &Container,
        ports: &[u16],
    ) -> Draft<Payload> {
        for (name, former) in self.observed.compose.iter().flat_map(Project::replaced) {
            let same = former.service == container.component;
            if same || ports.iter().any(|port| former.host_ports.contains(port)) {
                draft = draft.after_removal(CONTAINER, name);
            }
        }
        draft
    }
}

fn mounts(container: &Container, volume: &str) -> bool {
    let mut mounts = container.mounts.values();
    mounts.any(|mount| matches!(mount, kcc_lower::docker::Mount::Volume(name) if name == volume))
}

/// Drafts the removal of the copier of a volume that is not copied any more.
pub(super) fn copier_removal(volume: &str, cause: &str) -> Draft<Payload> {
    let name = compose::copier(volume);
    let payload = Payload::RemoveContainer { id: name.clone() };
    Draft::new(Action::Delete, CONTAINER, name, cause, payload)
}
