//! The calls of each operation, in order, with those that undo them. Pure: the driver
//! makes them one at a time, and a kill between any two leaves a state that the next
//! plan completes.
//!
//! A replacement keeps the old container until the new one has proved itself, or
//! starts it again if the new one fails.

use std::sync::Arc;

use kcc_lower::docker::{Container, Mount};
use kcc_model::Until;
use kcc_plan::Calls;

use crate::{
    call::{Call, Creation, Subject, Target},
    files,
    observed::SUCCESSOR,
    payload::{NewContainer, Payload, Replacement},
};

/// The suffix of the helper container that prepares directories.
const DIRECTORY_HELPER: &str = "directories";

/// Returns the calls that perform an operation on the object of that name.
pub(crate) fn calls(name: &str, payload: &Payload) -> Vec<Calls<Call>> {
    let name_of = || name.to_owned();
    let single = match payload.clone() {
        Payload::Create(new) => return create(name, &new),
        Payload::Replace { new, old, how } => return replace(name, &new, old, how),
        Payload::Pull {
            reference,
            platform,
        } => {
            let check = Call::CheckImage {
                reference: reference.clone(),
            };
            vec![
                Call::Pull {
                    reference,
                    platform,
                },
                check,
            ]
        }
        Payload::Build {
            build,
            platform,
            context_hash,
        } => vec![
            Call::Build {
                build,
                platform,
                context_hash,
            },
            Call::CheckImage {
                reference: name_of(),
            },
        ],
        Payload::CreateNetwork { labels } => vec![Call::CreateNetwork {
            name: name_of(),
            labels,
        }],
        Payload::CreateVolume { labels } => vec![Call::CreateVolume {
            name: name_of(),
            labels,
        }],
        Payload::CopyVolume { source, labels } => vec![
            Call::CreateCopier {
                volume: name_of(),
                source,
                labels,
            },
            Call::CopyVolume { volume: name_of() },
            Call::RemoveCopier { volume: name_of() },
        ],
        Payload::RemoveFormer { id } => vec![
            Call::Stop(existing(id.clone(), name)),
            Call::RemoveFormer {
                id,
                name: name_of(),
            },
        ],
        Payload::Start { id, job } => vec![Call::Start {
            container: existing(id, name),
            job,
        }],
        Payload::Restart { id, job } => {
            let container = existing(id, name);
            vec![
                Call::Stop(container.clone()),
                Call::Start { container, job },
            ]
        }
        Payload::Unpause { id } => vec![Call::Unpause(existing(id, name))],
        Payload::RemoveContainer { id } => {
            let container = existing(id, name);
            vec![Call::Stop(container.clone()), Call::Remove(container)]
        }
        Payload::RemoveNetwork { id } => vec![Call::RemoveNetwork {
            name: name_of(),
            id,
        }],
        Payload::RemoveVolume => vec![Call::RemoveVolume { name: name_of() }],
    };
    vec![Calls::new(single)]
}

fn create(name: &str, new: &Arc<NewContainer>) -> Vec<Calls<Call>> {
    if new.container.on_demand {
        // It gets its final name only once it is complete: an apply killed while files
        // are written leaves a successor, not a container that looks finished.
        let successor = &successor(name);
        let mut calls = creation(successor, new);
        calls.push(rename(successor, name));
        return vec![Calls::new(calls).undo(discard(successor, name, new))];
    }
    let mut calls = creation(name, new);
    calls.extend(first_start(name, name, new));
    vec![Calls::new(calls).undo(discard(name, name, new))]
}

fn replace(name: &str, new: &Arc<NewContainer>, old: String, how: Replacement) -> Vec<Calls<Call>> {
    let successor = &successor(name);
    let old = existing(old, name);
    let discard = || discard(successor, name, new);
    let mut parts = vec![Calls::new(creation(successor, new)).undo(discard())];
    let stop = Call::Stop(old.clone());
    let mut last = vec![Call::Remove(old.clone()), rename(successor, name)];
    match how {
        Replacement::Overlap => {
            let mut calls = first_start(successor, name, new);
            calls.push(proof(successor, name, new, Until::Healthy));
            let part = Calls::new(calls).undo(discard());
            parts.push(part.outcome("the previous container keeps running"));
            last.insert(0, stop);
        }
        Replacement::StopFirst {
            sidecars,
            until,
            resumes,
        } => {
            let mut calls = vec![stop];
            calls.extend(first_start(successor, name, new));
            calls.extend(until.map(|until| proof(successor, name, new, until)));
            // The new one may hold a port or volume that the old one needs.
            let mut undo = discard();
            let start = |container| Call::Start {
                container,
                job: None,
            };
            if resumes {
                undo.push(start(old));
            }
            for sidecar in sidecars {
                // Their network ended when the main container stopped.
                let sidecar = existing(sidecar.clone(), &sidecar);
                undo.push(Call::Stop(sidecar.clone()));
                undo.extend(resumes.then(|| start(sidecar)));
            }
            let part = Calls::new(calls).undo(undo);
            parts.push(if resumes {
                part.outcome("restarted the previous container")
            } else {
                part
            });
        }
        Replacement::AtRest => last.insert(0, stop),
    }
    parts.push(Calls::new(last));
    parts
}

/// Returns the calls that create a container as `created`, with everything that it has
/// before its start.
fn creation(created: &str, new: &Arc<NewContainer>) -> Vec<Call> {
    let mut calls = vec![Call::CheckImageUsers(new.clone())];
    calls.extend(bare(Creation {
        name: created.to_owned(),
        directories_of: None,
        new: new.clone(),
    }));
    if new.container.sidecar_of.is_none() && may_need_directories(&new.container) {
        let name = directory_helper(created);
        let helper = subject(&name, &name);
        calls.extend([
            Call::CreateDirectoryHelper {
                name,
                of: created.to_owned(),
                new: new.clone(),
            },
            Call::UnpackDirectories(helper.clone()),
            Call::Remove(helper),
        ]);
    }
    calls
}

/// Returns the calls that create a container and write its files.
fn bare(creation: Creation) -> Vec<Call> {
    let container = subject(&creation.name, &creation.name);
    let new = creation.new.clone();
    let mut calls = vec![Call::Create(creation)];
    // Engines before 25 accept only one network on creation.
    let networks = new.container.networks.iter().skip(1);
    calls.extend(networks.map(|(network, aliases)| Call::Connect {
        container: container.clone(),
        network: network.clone(),
        aliases: aliases.clone(),
    }));
    let directories = files::archive_directories(&new.container).into_iter();
    calls.extend(directories.map(|directory| Call::Upload {
        container: container.clone(),
        directory: directory.to_owned(),
        new: new.clone(),
    }));
    calls
}

/// Returns the calls that run the init steps of a new container one after the other,
/// each removed when it has ended, and then start it.
fn first_start(created: &str, name: &str, new: &Arc<NewContainer>) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut since = None;
    for step in &new.container.init {
        let full_name = Container::extra_name(name, &step.name);
        let container = subject(&full_name, &full_name);
        let step_container = Arc::new(new.temporary(step.container.clone()));
        calls.extend(bare(Creation {
            name: full_name.clone(),
            directories_of: files::has_shared_directories(&step.container)
                .then(|| created.to_owned()),
            new: step_container.clone(),
        }));
        calls.push(Call::Start {
            container: container.clone(),
            job: None,
        });
        calls.push(Call::Await {
            container: container.clone(),
            new: step_container,
            until: Until::Completed,
            // All steps share one deadline.
            since: since.get_or_insert(full_name).clone(),
            failure: format!("init step `{}` of `{name}` failed", step.name),
        });
        calls.push(Call::Remove(container));
    }
    calls.push(Call::Start {
        container: subject(created, name),
        job: new.job.clone(),
    });
    calls
}

/// Returns the wait until a new container has reached a state and kept it for a moment:
/// a crash after a second is as bad as one at once.
fn proof(created: &str, name: &str, new: &Arc<NewContainer>, until: Until) -> Call {
    Call::Await {
        container: subject(created, name),
        new: new.clone(),
        until,
        since: created.to_owned(),
        failure: format!("the new `{name}` is not ready"),
    }
}

/// Returns the calls that remove a new container and what was created to prepare it.
fn discard(created: &str, name: &str, new: &NewContainer) -> Vec<Call> {
    let steps = new.container.init.iter();
    let steps = steps.map(|step| Container::extra_name(name, &step.name));
    let temporary = steps.chain([directory_helper(created)]);
    let temporary = temporary.map(|name| Call::Remove(subject(&name, &name)));
    let new = Call::Remove(subject(created, name));
    temporary.chain([new]).collect()
}

/// Returns true if a container has directories that may need another owner or mode
/// than its image gives them: those that it shares, and volumes.
fn may_need_directories(container: &Container) -> bool {
    let volume = |(path, mount): (&String, &Mount)| match mount {
        Mount::Volume(_) => !container.options(path).read_only,
        Mount::Shared(_) => true,
        _ => false,
    };
    container.mounts.iter().any(volume)
}

fn rename(created: &str, name: &str) -> Call {
    Call::Rename {
        container: subject(created, name),
        name: name.to_owned(),
    }
}

fn successor(name: &str) -> String {
    format!("{name}{SUCCESSOR}")
}

fn directory_helper(created: &str) -> String {
    Container::extra_name(created, DIRECTORY_HELPER)
}

/// Returns a container that an earlier call created as `created`.
fn subject(created: &str, name: &str) -> Subject {
    Subject {
        target: Target::Created(created.to_owned()),
        name: name.to_owned(),
    }
}

fn existing(id: String, name: &str) -> Subject {
    Subject {
        target: Target::Existing(id),
        name: name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
