//! Lists and opens the logs of a scope's containers.

use std::time::Duration;

use futures_util::StreamExt;
use jiff::SignedDuration;
use kcc_lower::docker::name_prefix;
use kcc_plan::{
    Error, LogEntries, LogEntry, LogOptions, LogReader, LogSource, LogStart, Redaction, Scope,
};

use crate::{
    client::{Client, LogRange},
    observe::belongs,
    observed::label,
};

/// The logs of a scope.
pub(crate) struct Logs<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scope: &'a Scope,
    pub(crate) options: &'a LogOptions,
    /// The values to redact.
    pub(crate) redaction: Redaction,
}

impl LogReader for Logs<'_> {
    async fn sources(&self) -> Result<Vec<LogSource>, Error> {
        let instance = self.scope.instance.as_deref();
        let prefix = name_prefix(&self.scope.system, &self.scope.target, instance) + "-";
        let all = self.client.containers().await?.into_iter();
        let own = all.filter(|listed| belongs(self.scope, &listed.labels));
        let mut sources: Vec<_> = own
            .filter_map(|listed| {
                let component = listed.labels.get(label::COMPONENT)?.clone();
                let name = listed.name.strip_prefix(&prefix).unwrap_or(&listed.name);
                self.options.include(&component).then(|| LogSource {
                    component,
                    name: name.to_owned(),
                    machine: self.client.machine.clone(),
                    running: listed.running,
                    id: listed.id,
                })
            })
            .collect();
        sources.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(sources)
    }

    fn open(&self, source: &LogSource, start: LogStart) -> LogEntries<'_> {
        let seconds = |time: Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
        let range = match start {
            LogStart::AsAsked => LogRange {
                since: self.options.since.map_or(0, |age| {
                    seconds(self.client.clock.now().saturating_sub(age))
                }),
                tail: self.options.tail,
                follow: self.options.follow,
            },
            LogStart::After(time) => LogRange {
                since: time.map_or(0, |time| {
                    i32::try_from(time.as_second()).unwrap_or_default()
                }),
                tail: None,
                follow: self.options.follow,
            },
        };
        let lines = self.client.log(&source.id, &source.name, range);
        // The engine measures the start in seconds; a container that runs on demand has
        // its earlier runs in the same log.
        let oldest = match start {
            LogStart::AsAsked => self
                .options
                .since
                .map(|age| self.client.clock.now().saturating_sub(age)),
            LogStart::After(_) => None,
        };
        let oldest = oldest.and_then(|age| SignedDuration::try_from(age).ok());
        let is_new = move |entry: &Result<LogEntry, Error>| match (entry, oldest) {
            (Ok((Some(time), _)), Some(oldest)) => time.as_duration() >= oldest,
            _ => true,
        };
        lines
            .filter(move |entry| std::future::ready(is_new(entry)))
            .map(|entry| entry.map(|(time, text)| (time, self.redaction.apply(&text))))
            .boxed()
    }
}
