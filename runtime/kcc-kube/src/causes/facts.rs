//! [`Facts`]: everything that is known about one container, pod or workload, with the
//! questions that the causes ask.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Container, ContainerStateTerminated, Event, Pod, PodCondition, Probe},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kcc_lower::kubernetes::Object;
use kcc_plan::{
    Cause,
    symptoms::{self, between},
};
use serde_json::Value;

use super::{Exits, cause};
use crate::{
    live::Live,
    pod_container::PodContainer,
    pods::{is_image, waiting},
    text::one_line,
};

/// The facts about something that is not ready. A cause asks about the part that it
/// is about, and gets nothing if there is none.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) live: &'a Live,
    pub(crate) workload: &'a Object,
    pub(crate) exits: Exits,
    pub(crate) pod: Option<&'a Pod>,
    pub(crate) container: Option<PodContainer<'a>>,
    /// The cluster's refusal to create pods.
    pub(crate) refusal: Option<&'a str>,
}

/// The last run of a container that has ended.
pub(crate) struct Exit<'a> {
    pub(crate) ended: &'a ContainerStateTerminated,
    /// Set if the container was started again after it, or will be.
    pub(crate) is_loop: bool,
}

impl Exit<'_> {
    pub(crate) fn code(&self) -> i32 {
        self.ended.exit_code
    }

    pub(crate) fn reason(&self) -> &str {
        self.ended.reason.as_deref().unwrap_or_default()
    }

    /// Describes the end in words that hold for every round of a crash loop.
    pub(crate) fn describe(&self, how: &str) -> String {
        if self.is_loop {
            format!("crash loop: {how}")
        } else {
            how.to_owned()
        }
    }
}

impl<'a> Facts<'a> {
    /// Returns the component of the workload.
    pub(crate) fn component(&self) -> &'a str {
        let workload = self.workload;
        workload.component.as_deref().unwrap_or(&workload.name)
    }

    /// Returns reason and message of a container that waits.
    pub(crate) fn waiting(&self) -> Option<(&'a str, &'a str)> {
        waiting(self.container?.status)
    }

    /// Returns the message of a container that waits for a reason.
    pub(crate) fn waits(&self, reason: &str) -> Option<&'a str> {
        let (found, message) = self.waiting()?;
        (found == reason).then_some(message)
    }

    /// Returns true while the files of a container are prepared.
    pub(crate) fn is_being_created(&self) -> bool {
        self.container.is_none()
            || self.waiting().is_some_and(|(reason, _)| {
                matches!(reason, "ContainerCreating" | "PodInitializing")
            })
    }

    /// Returns the image of a container, as it is declared.
    pub(crate) fn image(&self) -> &'a str {
        let declared = self
            .declared()
            .and_then(|declared| declared.image.as_deref());
        declared
            .or(self.container.map(|part| part.status.image.as_str()))
            .unwrap_or_default()
    }

    /// Returns the declaration of the container.
    pub(crate) fn declared(&self) -> Option<&'a Container> {
        let name = &self.container?.status.name;
        let spec = self.pod?.spec.as_ref()?;
        let init = spec.init_containers.iter().flatten();
        init.chain(&spec.containers)
            .find(|container| container.name == *name)
    }

    /// Returns the last run, if it is the reason why the container does not run now.
    pub(crate) fn exit(&self) -> Option<Exit<'a>> {
        let part = self.container?;
        let state = part.status.state.as_ref();
        if part.status.ready && state.is_some_and(|state| state.running.is_some()) {
            return None;
        }
        if state.is_some_and(|state| {
            let waits = state
                .waiting
                .as_ref()
                .and_then(|waits| waits.reason.as_deref());
            waits.is_some_and(is_image)
        }) {
            return None;
        }
        if self.is_being_created() {
            return None;
        }
        let last = part.status.last_state.as_ref();
        let now = state.and_then(|state| state.terminated.as_ref());
        let before = last.and_then(|state| state.terminated.as_ref());
        // A sidecar that ended with its job, and an init step that did its part.
        let done = now.is_some_and(|ended| ended.exit_code == 0)
            && (part.step_code().is_some() || self.exits == Exits::Retried);
        if done {
            return None;
        }
        let backs_off = self.waits("CrashLoopBackOff").is_some();
        Some(Exit {
            ended: now.or(before)?,
            is_loop: part.status.restart_count > 0 || backs_off,
        })
    }

    /// Returns the last line of the container's log, with secrets redacted.
    pub(crate) fn log(&self) -> Option<&'a str> {
        let pod = self.pod?.metadata.name.as_ref()?;
        let key = format!("{pod}/{}", self.container?.status.name);
        symptoms::last_line(self.live.logs.get(&key)?)
    }

    /// Returns the last line of the log if it contains one of some texts, in any case.
    pub(crate) fn log_with(&self, texts: &[&str]) -> Option<&'a str> {
        let line = self.log()?;
        let lower = line.to_lowercase();
        texts
            .iter()
            .any(|text| lower.contains(text))
            .then_some(line)
    }

    /// Returns the last line of the log for people.
    pub(crate) fn log_line(&self) -> Option<String> {
        self.log().map(one_line)
    }

    /// Returns the number of restarts, as evidence.
    pub(crate) fn restarts(&self) -> Option<String> {
        symptoms::restarts(self.container?.status.restart_count.into())
    }

    /// Returns the last event of a reason about the pod.
    pub(crate) fn event(&self, reason: &str) -> Option<&'a Event> {
        last_event(self.live, self.pod?.metadata.uid.as_deref()?, reason)
    }

    /// Returns the message of the last event of a reason about the pod.
    pub(crate) fn event_message(&self, reason: &str) -> Option<&'a str> {
        self.event(reason)?.message.as_deref()
    }

    /// Returns the scheduler's message about a pod that it cannot place.
    pub(crate) fn unschedulable(&self) -> Option<&'a str> {
        let condition = self.condition("PodScheduled")?;
        let refused = condition.status == "False";
        refused.then(|| condition.message.as_deref().unwrap_or("no reason given"))
    }

    /// Returns a condition of the pod.
    pub(crate) fn condition(&self, kind: &str) -> Option<&'a PodCondition> {
        let status = self.pod?.status.as_ref()?;
        let mut conditions = status.conditions.iter().flatten();
        conditions.find(|condition| condition.type_ == kind)
    }

    /// Returns the node of the pod.
    pub(crate) fn node(&self) -> Option<&'a str> {
        self.pod?.spec.as_ref()?.node_name.as_deref()
    }

    /// Names the node of the pod, as the end of a sentence.
    pub(crate) fn on_node(&self) -> String {
        let node = self.node();
        node.map_or_else(String::new, |node| format!(" on node `{node}`"))
    }

    /// Returns the message of a probe of some kinds that failed. Those of commands are
    /// empty: their output may contain anything.
    pub(crate) fn failed_probe(&self, kinds: &[&str]) -> Option<&'a str> {
        let part = self.container?;
        let running = part.status.state.as_ref()?.running.is_some();
        // A probe before the program's end says less than its exit code.
        let crashed = part.status.restart_count > 0 && !self.was_killed_by_probe();
        if !running && !self.was_killed_by_probe() || part.status.ready || crashed {
            return None;
        }
        let message = probe_message(self.probe_event()?)?;
        kinds.iter().find_map(|kind| {
            message
                .strip_prefix(&format!("{kind} probe failed: "))
                .or_else(|| {
                    message
                        .strip_prefix(&format!("{kind} probe errored"))
                        .map(|_| message)
                })
        })
    }

    /// Returns the last event about a failed probe of the container.
    pub(crate) fn probe_event(&self) -> Option<&'a Event> {
        self.probe_event_of("")
    }

    /// Returns the last event about a failed probe of a kind, such as `Liveness`.
    pub(crate) fn probe_event_of(&self, kind: &str) -> Option<&'a Event> {
        let name = format!("{{{}}}", self.container?.status.name);
        let own = |event: &&Event| {
            let path = event.involved_object.field_path.as_deref();
            let message = probe_message(event);
            path.is_none_or(|path| path.contains(&name))
                && message.is_some_and(|message| message.starts_with(kind))
        };
        let uid = self.pod?.metadata.uid.as_deref()?;
        let all = events(self.live, uid, "Unhealthy").filter(own);
        all.max_by_key(|event| event.last_timestamp.clone())
    }

    /// Returns the last event about the probe because of which the kubelet ended the last
    /// run of the container, if it did.
    pub(crate) fn killing_probe(&self, kind: &str) -> Option<&'a Event> {
        let exit = self.exit()?;
        let name = &self.container?.status.name;
        let how = format!("Container {name} failed {} probe", kind.to_lowercase());
        let mut kills = events(self.live, self.pod?.metadata.uid.as_deref()?, "Killing");
        let told = kills.any(|event| {
            let message = event.message.as_deref();
            message.is_some_and(|message| message.starts_with(&how))
        });
        let killed = match (exit.code(), exit.reason()) {
            (_, "OOMKilled") => false,
            (137 | 143, _) => true,
            // A program may end well when it is asked to.
            (0, _) => told,
            _ => false,
        };
        self.probe_event_of(kind).filter(|_| killed)
    }

    /// Returns true if the kubelet ended the last run because of a probe.
    pub(crate) fn was_killed_by_probe(&self) -> bool {
        let kinds = ["Liveness", "Startup"];
        kinds.iter().any(|kind| self.killing_probe(kind).is_some())
    }

    /// Returns the probe of the container that gates its readiness.
    pub(crate) fn probe(&self) -> Option<&'a Probe> {
        let declared = self.declared()?;
        let message = self
            .probe_event()
            .and_then(probe_message)
            .unwrap_or_default();
        match message.split(' ').next() {
            Some("Liveness") => declared.liveness_probe.as_ref(),
            Some("Startup") => declared.startup_probe.as_ref(),
            _ => declared.readiness_probe.as_ref(),
        }
    }

    /// Returns an object that the cluster has, if it could be read.
    pub(crate) fn object(&self, kind: &str, name: &str) -> Option<&'a Value> {
        self.objects(kind)
            .find(|object| object.pointer("/metadata/name").and_then(Value::as_str) == Some(name))
    }

    /// Returns the objects of a kind that the cluster has.
    pub(crate) fn objects(&self, kind: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.live.others.get(kind).into_iter().flatten()
    }

    /// Lists the names of the objects of a kind; none if they could not be read.
    pub(crate) fn names(&self, kind: &str) -> Option<Vec<&'a str>> {
        let all = self.live.others.get(kind)?.iter();
        Some(
            all.filter_map(|object| object.pointer("/metadata/name")?.as_str())
                .collect(),
        )
    }

    /// Returns the time since when the pod is not ready, or its creation.
    pub(crate) fn not_ready_since(&self) -> Option<Timestamp> {
        let changed = self
            .condition("Ready")
            .or_else(|| self.condition("PodScheduled"));
        let changed = changed.and_then(|condition| condition.last_transition_time.as_ref());
        let created = self.pod?.metadata.creation_timestamp.as_ref();
        changed.or(created).map(timestamp)
    }
}

/// Returns the last event of a reason about an object.
pub(crate) fn last_event<'a>(live: &'a Live, uid: &str, reason: &str) -> Option<&'a Event> {
    events(live, uid, reason).max_by_key(|event| event.last_timestamp.clone())
}

/// Returns the events of a reason about an object.
fn events<'a>(live: &'a Live, uid: &str, reason: &str) -> impl Iterator<Item = &'a Event> {
    live.events.iter().filter(move |event| {
        event.reason.as_deref() == Some(reason) && event.involved_object.uid.as_deref() == Some(uid)
    })
}

/// Returns the message of an event about a probe, without what the cluster puts before it
/// when it joins several.
pub(crate) fn probe_message(event: &Event) -> Option<&str> {
    let message = event.message.as_deref()?;
    let joined = message.strip_prefix("(combined from similar events): ");
    Some(joined.unwrap_or(message))
}

/// Returns the time of the first occurrence of an event.
pub(crate) fn event_time(event: &Event) -> Option<Timestamp> {
    let first = event.first_timestamp.as_ref();
    first.map(timestamp)
}

/// Converts a time of the cluster.
pub(crate) fn timestamp(time: &Time) -> Timestamp {
    time.0
}

/// Joins names as a list for people.
pub(crate) fn list(names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    names.join(", ")
}

/// Adds the time of an exit to its cause. A crash loop is final: the cluster starts the
/// container again, but nothing about it changes.
pub(super) fn ended_at(facts: &Facts<'_>, exit: &Exit<'_>, mut cause: Cause) -> Cause {
    cause.since = exit.ended.finished_at.as_ref().map(timestamp);
    cause.is_final = facts.exits == Exits::Never && facts.waits("CrashLoopBackOff").is_some();
    cause
}

/// Returns the cause of a container that ended with an exit code.
pub(super) fn exited(facts: &Facts<'_>, code: i32, how: &str) -> Option<Cause> {
    let exit = facts.exit().filter(|exit| exit.code() == code)?;
    let how = exit.describe(&format!("exit code {code}: {how}"));
    Some(
        ended_at(facts, &exit, cause(how))
            .last_log_line(facts.log_line())
            .evidence(facts.restarts()),
    )
}

/// Returns the cause of a container that ended with an error, if the last line of its log
/// contains one of some texts, in lower case.
pub(super) fn logged(facts: &Facts<'_>, how: &str, texts: &[&str]) -> Option<Cause> {
    let exit = facts.exit().filter(|exit| exit.code() != 0)?;
    facts.log_with(texts)?;
    let how = exit.describe(&format!("exit code {}: {how}", exit.code()));
    Some(
        ended_at(facts, &exit, cause(how))
            .last_log_line(facts.log_line())
            .evidence(facts.restarts()),
    )
}

/// Returns the cause of a container whose program cannot be started, and the words of the
/// runtime about it.
pub(super) fn cannot_start<'a>(facts: &Facts<'a>) -> Option<(Cause, &'a str)> {
    let exit = facts.exit()?;
    if !matches!(exit.reason(), "StartError" | "ContainerCannotRun") {
        return None;
    }
    let message = exit.ended.message.as_deref()?;
    let program = between(message, "exec: \"", "\"").unwrap_or("the program");
    let how = exit.describe(&format!("cannot be started: {}", why(program, message)));
    Some((ended_at(facts, &exit, cause(how)), message))
}

/// Words the runtime's refusal to start a program.
fn why(program: &str, message: &str) -> String {
    let missing = ["executable file not found", "no such file or directory"];
    if missing.iter().any(|text| message.contains(text)) {
        format!("program `{program}` does not exist")
    } else if message.contains("permission denied") {
        format!("program `{program}` is not executable")
    } else if message.contains("exec format error") {
        format!("program `{program}` is for another processor")
    } else {
        let at = message.find("exec: ").unwrap_or_default();
        one_line(&message[at..])
    }
}
