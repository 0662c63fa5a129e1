//! Performs a plan: steps run as soon as what they come after is done, side by
//! side up to a limit; a failure ends its branch and nothing else.

mod graph;
mod outcome;
mod wait;

use std::collections::BTreeSet;

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use kcc_model::Until;

use self::{
    graph::{Node, graph},
    wait::until_ready,
};
use crate::{ApplyReport, Cancel, Context, Engine, Error, Event, Failure, Plan, Reporter};

/// Why nothing is begun after the user asked to stop.
const STOPPED: &str = "the apply was stopped";

/// Performs the steps of a plan through an engine and waits until its
/// components are ready. Never fails as a whole: what went wrong is in the report.
pub async fn execute<E: Engine>(
    plan: &Plan<E::Work>,
    engine: &E,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> ApplyReport {
    let (nodes, before) = graph(plan);
    let ends = nodes.iter().map(|_| None).collect();
    let (failures, left) = (Vec::new(), Vec::new());
    let mut run = Run {
        plan,
        engine,
        reporter,
        cancel,
        nodes,
        before,
        ends,
        failures,
        left,
    };
    run.walk().await;
    run.report()
}

/// Whether a node may run.
enum Gate {
    /// Something before it has not ended.
    Closed,
    Open,
    /// It never may, and why.
    Never(String),
}

/// How a node ended.
#[derive(Debug, Clone)]
enum End {
    Done,
    /// It could not be done, and nothing depends on it.
    Left,
    /// Why it failed.
    Failed(String),
    /// Why it was not begun, or not awaited any longer.
    Skipped(String),
}

struct Run<'a, E: Engine> {
    plan: &'a Plan<E::Work>,
    engine: &'a E,
    reporter: &'a dyn Reporter,
    cancel: &'a Cancel,
    nodes: Vec<Node>,
    before: Vec<BTreeSet<usize>>,
    ends: Vec<Option<End>>,
    failures: Vec<Failure>,
    left: Vec<Failure>,
}

/// What a node's future gives: its place and how it ended.
type Running<'a> = FuturesUnordered<BoxFuture<'a, (usize, Result<End, Error>)>>;

impl<'a, E: Engine> Run<'a, E> {
    async fn walk(&mut self) {
        let mut open: BTreeSet<usize> = (0..self.nodes.len()).collect();
        let mut running: Running<'a> = FuturesUnordered::new();
        let mut steps = 0;
        loop {
            self.begin(&mut open, &running, &mut steps);
            let Some((index, result)) = running.next().await else {
                break;
            };
            steps -= usize::from(self.is_limited(index));
            self.end(index, result);
        }
        // Only nodes that wait for each other in a circle are left.
        for index in open {
            self.skip(index, "it waits for itself".to_owned());
        }
    }

    /// Begins every open node that may run, and ends those that never will.
    fn begin(&mut self, open: &mut BTreeSet<usize>, running: &Running<'a>, steps: &mut usize) {
        loop {
            let mut ended = false;
            for index in open.clone() {
                let limited = self.is_limited(index);
                match self.gate(index) {
                    Gate::Closed => continue,
                    Gate::Open if limited && *steps >= self.engine.parallel() => continue,
                    Gate::Open => {
                        *steps += usize::from(limited);
                        running.push(self.start(index));
                    }
                    Gate::Never(why) => {
                        self.skip(index, why);
                        ended = true;
                    }
                }
                open.remove(&index);
            }
            if !ended {
                break;
            }
        }
    }

    fn is_limited(&self, index: usize) -> bool {
        match &self.nodes[index] {
            Node::Step(step) => self.engine.limited(&self.plan.steps[*step].work),
            Node::Wait(_) => false,
        }
    }

    fn gate(&self, index: usize) -> Gate {
        let mut why = self.cancel.is_cancelled().then(|| STOPPED.to_owned());
        for &other in &self.before[index] {
            match &self.ends[other] {
                None => return Gate::Closed,
                Some(End::Done | End::Left) => {}
                Some(End::Skipped(reason)) => why = why.or_else(|| Some(reason.clone())),
                Some(End::Failed(_)) => why = why.or_else(|| Some(self.failed_before(other))),
            }
        }
        why.map_or(Gate::Open, Gate::Never)
    }

    fn failed_before(&self, index: usize) -> String {
        match &self.nodes[index] {
            Node::Wait(wait) => format!("it needs `{}`, which is not ready", wait.name()),
            Node::Step(step) => {
                let operation = &self.plan.steps[*step].operation;
                format!("{} `{}` failed", operation.kind, operation.name)
            }
        }
    }

    fn start(&self, index: usize) -> BoxFuture<'a, (usize, Result<End, Error>)> {
        let (engine, reporter, cancel) = (self.engine, self.reporter, self.cancel);
        match &self.nodes[index] {
            Node::Step(step) => {
                let step = &self.plan.steps[*step];
                let operation = &step.operation;
                reporter.event(&Event::Started { operation });
                async move {
                    let context = Context {
                        operation,
                        reporter,
                        cancel,
                    };
                    (
                        index,
                        engine.perform(step, &context).await.map(|()| End::Done),
                    )
                }
                .boxed()
            }
            Node::Wait(wait) => {
                let planned = self.plan.components.get(&wait.component);
                let wait = wait.clone();
                let deadline = planned.filter(|c| c.ready.is_some()).map(|c| c.deadline_ms);
                async move {
                    (
                        index,
                        until_ready(engine, reporter, cancel, &wait, deadline).await,
                    )
                }
                .boxed()
            }
        }
    }

    fn end(&mut self, index: usize, result: Result<End, Error>) {
        if let Node::Step(step) = &self.nodes[index] {
            let (operation, error) = (&self.plan.steps[*step].operation, result.as_ref().err());
            self.reporter.event(&Event::Finished { operation, error });
        }
        self.ends[index] = Some(match result {
            Ok(end) => end,
            Err(error) if error.tolerable => {
                let left = self.failure(index, error);
                self.left.push(left);
                End::Left
            }
            Err(error) => {
                let why = error.chain();
                let failure = self.failure(index, error);
                self.failures.push(failure);
                End::Failed(why)
            }
        });
    }

    fn failure(&self, index: usize, error: Error) -> Failure {
        let (component, message) = match &self.nodes[index] {
            Node::Step(step) => {
                let operation = &self.plan.steps[*step].operation;
                (operation.component.clone(), error.chain())
            }
            Node::Wait(wait) => {
                let (name, until) = (wait.name(), state(wait.until));
                let message = format!("`{name}` is not {until}: {}", error.chain());
                (Some(wait.component.clone()), message)
            }
        };
        let planned = component
            .as_ref()
            .and_then(|name| self.plan.components.get(name));
        Failure {
            code: error.code,
            team: planned.and_then(|planned| planned.team.clone()),
            component,
            message,
            detail: error.detail,
            help: error.help,
        }
    }

    fn skip(&mut self, index: usize, why: String) {
        if let Node::Step(step) = &self.nodes[index] {
            let operation = &self.plan.steps[*step].operation;
            self.reporter.event(&Event::Skipped {
                operation,
                why: &why,
            });
        }
        self.ends[index] = Some(End::Skipped(why));
    }
}

fn state(until: Until) -> &'static str {
    match until {
        Until::Started => "started",
        Until::Healthy => "healthy",
        Until::Completed => "completed",
    }
}
