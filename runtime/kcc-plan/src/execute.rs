//! Performs a plan: steps run as soon as what they come after is done, side by
//! side up to a limit; a failure ends its branch and nothing else.
//!
//! A graph of nodes is walked: each step is one, and each state of a component
//! that somebody waits for is one. A wait begins when the operations of its
//! component are done, and its deadline begins then.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use kcc_diag::Code;
use kcc_model::{Name, Until};

use crate::{
    Action, ApplyReport, Cancel, ComponentReport, Context, Engine, Error, Event, Failure, Outcome,
    Plan, PlannedComponent, Readiness, Reporter, Wait,
};

/// Steps that run side by side at most; waits do not count.
const PARALLEL: usize = 8;
/// The first pause between two questions for readiness, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// Errors in a row after which an engine that cannot tell is given up.
const PATIENCE: u32 = 5;
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
    let failures = Vec::new();
    let mut run = Run {
        plan,
        engine,
        reporter,
        cancel,
        nodes,
        before,
        ends,
        failures,
    };
    run.walk().await;
    run.report()
}

enum Node {
    /// A step, by its place in the plan.
    Step(usize),
    /// A state of a component.
    Wait(Wait),
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
    /// Why it failed.
    Failed(String),
    /// Why it was not begun, or not awaited any longer.
    Skipped(String),
}

/// The nodes of a plan and, for each, those before it.
fn graph<W>(plan: &Plan<W>) -> (Vec<Node>, Vec<BTreeSet<usize>>) {
    let mut waits: BTreeSet<Wait> = BTreeSet::new();
    for (name, component) in &plan.components {
        waits.extend(component.ready.map(|until| Wait {
            component: name.clone(),
            object: None,
            until,
        }));
    }
    waits.extend(
        plan.steps
            .iter()
            .flat_map(|step| step.waits.iter().cloned()),
    );
    let places: BTreeMap<Wait, usize> = waits.into_iter().zip(plan.steps.len()..).collect();
    let ids: BTreeMap<_, _> = plan
        .operations()
        .enumerate()
        .map(|(index, operation)| (operation.id, index))
        .collect();

    let mut nodes = Vec::new();
    let mut before = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let mut all: BTreeSet<usize> = step
            .operation
            .after
            .iter()
            .filter_map(|id| ids.get(id).copied())
            .collect();
        all.extend(
            step.waits
                .iter()
                .filter_map(|wait| places.get(wait).copied()),
        );
        nodes.push(Node::Step(index));
        before.push(all);
    }
    for wait in places.into_keys() {
        let own = |index: &usize| {
            let operation = &plan.steps[*index].operation;
            operation.component.as_ref() == Some(&wait.component)
                && wait
                    .object
                    .as_ref()
                    .is_none_or(|object| operation.name == *object)
        };
        before.push((0..plan.steps.len()).filter(own).collect());
        nodes.push(Node::Wait(wait));
    }
    (nodes, before)
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
            if matches!(self.nodes[index], Node::Step(_)) {
                steps -= 1;
            }
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
                let is_step = matches!(self.nodes[index], Node::Step(_));
                match self.gate(index) {
                    Gate::Closed => continue,
                    Gate::Open if is_step && *steps >= PARALLEL => continue,
                    Gate::Open => {
                        *steps += usize::from(is_step);
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

    fn gate(&self, index: usize) -> Gate {
        let mut why = self.cancel.is_cancelled().then(|| STOPPED.to_owned());
        for &other in &self.before[index] {
            match &self.ends[other] {
                None => return Gate::Closed,
                Some(End::Done) => {}
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
            Err(error) => {
                let why = error.chain();
                self.fail(index, error);
                End::Failed(why)
            }
        });
    }

    fn fail(&mut self, index: usize, error: Error) {
        let (component, name, message) = match &self.nodes[index] {
            Node::Step(step) => {
                let operation = &self.plan.steps[*step].operation;
                (
                    operation.component.clone(),
                    operation.name.clone(),
                    error.chain(),
                )
            }
            Node::Wait(wait) => {
                let (name, until) = (wait.name().to_owned(), state(wait.until));
                let message = format!("`{name}` is not {until}: {}", error.chain());
                (Some(wait.component.clone()), name, message)
            }
        };
        for line in &error.detail {
            self.reporter.event(&Event::Note {
                text: &format!("{name}: {line}"),
            });
        }
        let planned = component
            .as_ref()
            .and_then(|name| self.plan.components.get(name));
        self.failures.push(Failure {
            code: error.code,
            team: planned.and_then(|planned| planned.team.clone()),
            component,
            message,
            detail: error.detail,
            help: error.help,
        });
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

    fn report(self) -> ApplyReport {
        let performed = |index: &usize| matches!(self.ends[*index], Some(End::Done));
        let mut components: BTreeMap<Name, ComponentReport> = BTreeMap::new();
        for (name, planned) in &self.plan.components {
            components.insert(name.clone(), self.component(name, planned));
        }
        ApplyReport {
            scope: self.plan.scope.clone(),
            components,
            performed: (0..self.plan.steps.len()).filter(performed).count(),
            planned: self.plan.steps.len(),
            mutating_calls: self.engine.mutating_calls(),
            cancelled: self.cancel.is_cancelled(),
            failures: self.failures,
        }
    }

    fn component(&self, name: &str, planned: &PlannedComponent) -> ComponentReport {
        let mut outcome = Outcome::Unchanged;
        let mut why = None;
        for (node, end) in self.nodes.iter().zip(&self.ends) {
            let (own, action) = match node {
                Node::Step(step) => {
                    let operation = &self.plan.steps[*step].operation;
                    (
                        operation.component.as_deref() == Some(name),
                        Some(operation.action),
                    )
                }
                Node::Wait(wait) => (wait.component == name, None),
            };
            let next = match end {
                _ if !own => continue,
                Some(End::Failed(_)) => Outcome::Failed,
                Some(End::Skipped(_)) => Outcome::Skipped,
                Some(End::Done) | None => action.map_or(Outcome::Unchanged, outcome_of),
            };
            if rank(next) > rank(outcome) {
                outcome = next;
                why = match end {
                    Some(End::Failed(reason) | End::Skipped(reason)) => Some(reason.clone()),
                    _ => None,
                };
            }
        }
        ComponentReport {
            team: planned.team.clone(),
            outcome,
            why,
        }
    }
}

/// Asks until a component is ready, never will be, or its deadline passed. The
/// error's message is the last reason.
async fn until_ready<E: Engine>(
    engine: &E,
    reporter: &dyn Reporter,
    cancel: &Cancel,
    wait: &Wait,
    deadline_ms: Option<u64>,
) -> Result<End, Error> {
    let (component, until) = (wait.component.as_str(), wait.until);
    let begin = Instant::now();
    let mut pause = PAUSES.0;
    let mut last = String::new();
    let mut errors = 0;
    let why = loop {
        let answer = tokio::select! {
            answer = asked(engine, wait) => answer,
            () = cancel.cancelled() => return Ok(End::Skipped(STOPPED.to_owned())),
        };
        let why = match answer {
            Ok(Readiness::Ready) => {
                if wait.object.is_none() {
                    reporter.event(&Event::Ready { component, until });
                }
                return Ok(End::Done);
            }
            Ok(Readiness::Failed { why }) => break why,
            Ok(Readiness::Waiting { why }) => {
                errors = 0;
                why
            }
            Err(error) => {
                errors += 1;
                error.chain()
            }
        };
        if deadline_ms.is_some_and(|limit| begin.elapsed() >= Duration::from_millis(limit)) {
            break overdue(&why, deadline_ms);
        }
        if errors >= PATIENCE {
            break why;
        }
        if why != last {
            reporter.event(&Event::Waiting {
                component,
                until,
                why: &why,
            });
            last = why;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return Ok(End::Skipped(STOPPED.to_owned())),
        }
        pause = (pause * 2).min(PAUSES.1);
    };
    reporter.event(&Event::NotReady {
        component,
        until,
        why: &why,
    });
    let details = match &wait.object {
        Some(object) => engine.object_details(object).await,
        None => engine.details(component).await,
    };
    Err(Error::new(Code::ApplyIncomplete, why).detail(details))
}

async fn asked<E: Engine>(engine: &E, wait: &Wait) -> Result<Readiness, Error> {
    match &wait.object {
        Some(object) => engine.object_ready(object, wait.until).await,
        None => engine.ready(&wait.component, wait.until).await,
    }
}

fn overdue(why: &str, deadline_ms: Option<u64>) -> String {
    let limit = deadline_ms.unwrap_or_default();
    if limit.is_multiple_of(1000) {
        format!("{why} (after {} s)", limit / 1000)
    } else {
        format!("{why} (after {limit} ms)")
    }
}

fn state(until: Until) -> &'static str {
    match until {
        Until::Started => "started",
        Until::Healthy => "healthy",
        Until::Completed => "completed",
    }
}

fn outcome_of(action: Action) -> Outcome {
    match action {
        Action::Create => Outcome::Created,
        Action::Update | Action::Run => Outcome::Updated,
        Action::Replace => Outcome::Replaced,
        Action::Delete => Outcome::Deleted,
    }
}

/// Which of several outcomes of one component is told.
fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Unchanged => 0,
        Outcome::Deleted => 1,
        Outcome::Updated => 2,
        Outcome::Created => 3,
        Outcome::Replaced => 4,
        Outcome::Skipped => 5,
        Outcome::Failed => 6,
    }
}
