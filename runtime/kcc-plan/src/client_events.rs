//! [`ClientEvents`]: the observations of the machine that applies, from the events of the
//! executor.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use kcc_model::{Name, Until};

use crate::{
    Event, Operation, Options, Reporter, Who,
    timeline::{CLIENT, Link, Observation, Proof, Source, operation},
};

/// Passes events on, and notes those that tell what the machine did and learned.
pub struct ClientEvents<'a> {
    reporter: &'a dyn Reporter,
    machine: String,
    observations: Mutex<Vec<Observation>>,
}

impl<'a> ClientEvents<'a> {
    /// Passes events on to a reporter.
    pub fn new(reporter: &'a dyn Reporter, options: &Options) -> Self {
        Self {
            reporter,
            machine: format!("{CLIENT}{}", Who::of(options).short()),
            observations: Mutex::default(),
        }
    }

    /// Returns what was observed so far.
    pub fn observations(&self) -> Vec<Observation> {
        let all = self.observations.lock();
        all.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(
        &self,
        object: &str,
        component: Option<&Name>,
        event: &str,
        causes: Vec<Link>,
        follows: Vec<Link>,
    ) {
        let (machine, now) = (&self.machine, Timestamp::now());
        let observation = Observation {
            component: component.cloned(),
            source: Source::Record,
            causes,
            follows,
            ..Observation::new(machine, now, object.to_owned(), event.to_owned())
        };
        let mut all = self
            .observations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.push(observation.recurring(object, event));
    }

    fn operation(&self, of: &Operation, event: &str, causes: &[Proof], follows: &[Proof]) {
        let link = |proof: &Proof| operation(*proof, &of.kind, &of.name);
        self.add(
            &format!("{} {}", of.kind, of.name),
            of.component.as_ref(),
            &format!("{} {event}", of.action.as_str()),
            causes.iter().map(link).collect(),
            follows.iter().map(link).collect(),
        );
    }
}

impl Reporter for ClientEvents<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { operation } => {
                self.operation(operation, "begun", &[Proof::Operation], &[]);
            }
            Event::Finished {
                operation,
                error: None,
            } => {
                self.operation(operation, "done", &[], &[Proof::Answer]);
            }
            Event::Finished {
                operation,
                error: Some(_),
            } => {
                self.operation(operation, "failed", &[], &[]);
            }
            Event::Ready {
                component,
                until,
                seen,
            } => {
                let state = match until {
                    Until::Started => "started",
                    Until::Healthy => "ready",
                    Until::Completed => "completed",
                };
                let component = (*component).to_owned();
                let follows = seen.iter().map(|id| Link::new(Proof::Answer, id));
                let object = format!("component {component}");
                self.add(
                    &object,
                    Some(&component),
                    state,
                    Vec::new(),
                    follows.collect(),
                );
            }
            _ => {}
        }
        self.reporter.event(event);
    }
}
