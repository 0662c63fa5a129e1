//! Executes a plan: each step runs as soon as its predecessors are done,
//! concurrently up to a limit. A failure skips the steps that depend on it and
//! nothing else.

mod calls;
mod end;
mod graph;
mod outcome;
mod wait;

use std::collections::BTreeSet;

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use kcc_diag::Code;

pub use self::calls::make_calls;
use self::{
    end::{NodeEnd, STOPPED},
    graph::{Node, graph},
    wait::until_ready,
};
use crate::{
    ApplyReport, Cancel, Context, Driver, Error, Event, Failure, Plan, Reporter, cause::state_name,
};

/// Performs the steps of a plan through a driver and waits until its components
/// are ready. Never fails as a whole: failures are in the report.
pub async fn execute<D: Driver>(
    plan: &Plan<D::Payload>,
    driver: &D,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> ApplyReport {
    let (nodes, before) = graph(plan);
    let mut after = vec![Vec::new(); nodes.len()];
    for (index, all) in before.iter().enumerate() {
        for &other in all {
            after[other].push(index);
        }
    }
    let open = before.iter().map(BTreeSet::len).collect();
    let ends = nodes.iter().map(|_| None).collect();
    let mut run = Run {
        plan,
        driver,
        reporter,
        cancel,
        nodes,
        before,
        after,
        open,
        ready: Ready::default(),
        ends,
        failures: Vec::new(),
        left: Vec::new(),
        not_ready: Vec::new(),
    };
    run.walk().await;
    run.report()
}

/// The nodes that may run, in order. A node comes here once, so that a plan of many steps
/// takes no longer for each of them than a small one.
#[derive(Default)]
struct Ready {
    /// Those that count towards the limit of concurrent steps.
    limited: BTreeSet<usize>,
    free: BTreeSet<usize>,
}

impl Ready {
    /// Takes the first node; one that counts towards the limit only if `limited` are
    /// allowed.
    fn pop(&mut self, limited: bool) -> Option<usize> {
        let first = self.limited.first().filter(|_| limited);
        match (first, self.free.first()) {
            (Some(limited), Some(free)) if limited > free => self.free.pop_first(),
            (Some(_), _) => self.limited.pop_first(),
            (None, _) => self.free.pop_first(),
        }
    }
}

struct Run<'a, D: Driver> {
    plan: &'a Plan<D::Payload>,
    driver: &'a D,
    reporter: &'a dyn Reporter,
    cancel: &'a Cancel,
    nodes: Vec<Node>,
    before: Vec<BTreeSet<usize>>,
    /// The nodes that come after each.
    after: Vec<Vec<usize>>,
    /// The number of nodes before each that have not ended.
    open: Vec<usize>,
    ready: Ready,
    ends: Vec<Option<NodeEnd>>,
    failures: Vec<Failure>,
    left: Vec<Failure>,
    not_ready: Vec<Failure>,
}

/// The running nodes; each future returns the node's index and how it ended.
type Running<'a> = FuturesUnordered<BoxFuture<'a, (usize, Result<NodeEnd, Error>)>>;

impl<'a, D: Driver> Run<'a, D> {
    async fn walk(&mut self) {
        let mut running: Running<'a> = FuturesUnordered::new();
        let mut steps = 0;
        let first = (0..self.nodes.len()).filter(|&index| self.open[index] == 0);
        let first = first.collect();
        self.admit(first);
        loop {
            self.begin(&running, &mut steps);
            let Some((index, result)) = running.next().await else {
                break;
            };
            steps -= usize::from(self.is_limited(index));
            self.end(index, result);
            let next = self.released_by(index);
            self.admit(next);
        }
        // Only nodes on a cycle are left.
        for index in 0..self.nodes.len() {
            if self.ends[index].is_none() {
                self.skip(index, "dependency cycle".to_owned());
            }
        }
    }

    /// Starts the nodes that may run, up to the limit.
    fn begin(&mut self, running: &Running<'a>, steps: &mut usize) {
        if self.cancel.is_cancelled() {
            while let Some(index) = self.ready.pop(true) {
                self.skip(index, STOPPED.to_owned());
                let next = self.released_by(index);
                self.admit(next);
            }
        }
        while let Some(index) = self.ready.pop(*steps < self.driver.max_parallel()) {
            *steps += usize::from(self.is_limited(index));
            running.push(self.start(index));
        }
    }

    /// Returns the nodes for which the end of one was the last that they waited for.
    fn released_by(&mut self, index: usize) -> Vec<usize> {
        let mut released = Vec::new();
        for &later in &self.after[index] {
            self.open[later] -= 1;
            if self.open[later] == 0 {
                released.push(later);
            }
        }
        released
    }

    /// Lets nodes run whose predecessors have ended, and skips those that never will,
    /// with all that wait only for them.
    fn admit(&mut self, mut released: Vec<usize>) {
        while let Some(index) = released.pop() {
            if let Some(why) = self.obstacle(index) {
                self.skip(index, why);
                released.extend(self.released_by(index));
            } else if self.is_limited(index) {
                self.ready.limited.insert(index);
            } else {
                self.ready.free.insert(index);
            }
        }
    }

    fn is_limited(&self, index: usize) -> bool {
        match &self.nodes[index] {
            Node::Step(step) => self
                .driver
                .counts_towards_limit(&self.plan.steps[*step].payload),
            Node::Wait(_) => false,
        }
    }

    /// Returns the reason why a node whose predecessors have ended never runs.
    fn obstacle(&self, index: usize) -> Option<String> {
        if self.cancel.is_cancelled() {
            return Some(STOPPED.to_owned());
        }
        let mut before = self.before[index].iter();
        before.find_map(|&other| match &self.ends[other] {
            Some(NodeEnd::Skipped(reason)) => Some(reason.clone()),
            Some(NodeEnd::Failed(_)) => Some(self.failed_before(other)),
            Some(NodeEnd::Done | NodeEnd::Left | NodeEnd::NotReady) | None => None,
        })
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

    fn start(&self, index: usize) -> BoxFuture<'a, (usize, Result<NodeEnd, Error>)> {
        let (driver, reporter, cancel) = (self.driver, self.reporter, self.cancel);
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
                    let made = make_calls(driver, step, &context).await;
                    (index, made.map(|()| NodeEnd::Done))
                }
                .boxed()
            }
            Node::Wait(wait) => {
                let planned = self.plan.components.get(&wait.component);
                let wait = wait.clone();
                let planned = planned.filter(|component| component.ready.is_some());
                async move {
                    (
                        index,
                        until_ready(driver, reporter, cancel, &wait, planned).await,
                    )
                }
                .boxed()
            }
        }
    }

    fn end(&mut self, index: usize, result: Result<NodeEnd, Error>) {
        if let Node::Step(step) = &self.nodes[index] {
            let (operation, error) = (&self.plan.steps[*step].operation, result.as_ref().err());
            self.reporter.event(&Event::Finished { operation, error });
        }
        self.ends[index] = Some(match result {
            Ok(end) => end,
            Err(error) if error.tolerable => {
                let left = self.failure(index, error);
                self.left.push(left);
                NodeEnd::Left
            }
            Err(error) if self.is_unaffected(index) => {
                let not_ready = self.failure(index, error);
                self.not_ready.push(Failure {
                    code: Code::ApplyNotReady,
                    message: format!("{}; it was not before this apply either", not_ready.message),
                    ..not_ready
                });
                NodeEnd::NotReady
            }
            Err(error) => {
                let why = error.chain();
                let failure = self.failure(index, error);
                self.failures.push(failure);
                NodeEnd::Failed(why)
            }
        });
    }

    /// Returns true for the readiness of a component that this apply does not affect, unless
    /// a step needs it.
    fn is_unaffected(&self, index: usize) -> bool {
        let Node::Wait(wait) = &self.nodes[index] else {
            return false;
        };
        let planned = self.plan.components.get(&wait.component);
        planned.is_some_and(|component| component.unaffected)
            && !self.before.iter().any(|before| before.contains(&index))
    }

    fn failure(&self, index: usize, error: Error) -> Failure {
        let (component, message) = match &self.nodes[index] {
            Node::Step(step) => {
                let operation = &self.plan.steps[*step].operation;
                (operation.component.clone(), error.chain())
            }
            Node::Wait(wait) => {
                let (name, until) = (wait.name(), state_name(wait.until));
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
        self.ends[index] = Some(NodeEnd::Skipped(why));
    }
}
