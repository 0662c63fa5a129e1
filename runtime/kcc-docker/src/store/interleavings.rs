//! Runs commands in every order in which their calls can reach an engine, with a kill at
//! any point: the head of a record behaves like one value that is compared and set.
//!
//! The commands are the store's own code on volumes in memory. Whatever order is tried,
//! there has to be an order of their effects that explains all their answers, and in
//! which each effect lies between the begin and the end of its call.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use jiff::Timestamp;
use kcc_plan::{Error, Scope, Store, StoredHead, Swap, Version};

use super::{Labels, VolumeStore, Volumes};

/// Volumes in memory. Each call waits once before it takes effect, so that others can
/// come first.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<BTreeMap<String, Labels>>>);

async fn let_others_run() {
    let mut waited = false;
    poll_fn(|_| {
        if std::mem::replace(&mut waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

impl Volumes for Memory {
    async fn labelled(&self, labels: Vec<String>) -> Result<BTreeMap<String, Labels>, Error> {
        let_others_run().await;
        let wanted: Vec<_> = labels
            .iter()
            .map(|label| {
                label
                    .split_once('=')
                    .map_or((label.as_str(), None), |(l, v)| (l, Some(v)))
            })
            .collect();
        let has = |labels: &Labels, label: &str, value: Option<&str>| {
            labels
                .get(label)
                .is_some_and(|there| value.is_none_or(|value| there == value))
        };
        let volumes = self.0.borrow();
        let found = volumes.iter().filter(|(_, labels)| {
            wanted
                .iter()
                .all(|(label, value)| has(labels, label, *value))
        });
        Ok(found
            .map(|(name, labels)| (name.clone(), labels.clone()))
            .collect())
    }

    async fn claim(&self, name: &str, labels: Labels) -> Result<Labels, Error> {
        let_others_run().await;
        let mut volumes = self.0.borrow_mut();
        Ok(volumes.entry(name.to_owned()).or_insert(labels).clone())
    }

    async fn release(&self, name: &str) -> Result<(), Error> {
        let_others_run().await;
        self.0.borrow_mut().remove(name);
        Ok(())
    }

    async fn time(&self) -> Result<Timestamp, Error> {
        Ok(Timestamp::UNIX_EPOCH)
    }
}

/// The content of a head; none if there is no record.
type Content = Option<String>;

/// A call on the head, with its answer.
#[derive(Debug, Clone)]
struct Call {
    begin: usize,
    /// None if its command was killed.
    end: Option<usize>,
    kind: Kind,
    /// False if it may have had no effect: its command was killed, or learned that another
    /// one was first. That may be one that followed it at once.
    certain: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    Read(Content),
    /// The content that is compared with, and the one that is set.
    Set(Content, Content),
}

/// The state that the commands of one run share.
#[derive(Clone, Default)]
struct World {
    memory: Memory,
    clock: Rc<Cell<usize>>,
    calls: Rc<RefCell<Vec<Call>>>,
}

type Command = Pin<Box<dyn Future<Output = ()>>>;

impl World {
    fn store(&self) -> VolumeStore<Memory> {
        let scope = Scope {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            instance: None,
        };
        VolumeStore::new(self.memory.clone(), &scope)
    }

    fn now(&self) -> usize {
        self.clock.replace(self.clock.get() + 1)
    }

    fn begin(&self, kind: Kind) -> usize {
        let begin = self.now();
        let mut calls = self.calls.borrow_mut();
        calls.push(Call {
            begin,
            end: None,
            kind,
            certain: false,
        });
        calls.len() - 1
    }

    fn end(&self, call: usize, certain: bool) {
        let end = Some(self.now());
        let call = &mut self.calls.borrow_mut()[call];
        (call.end, call.certain) = (end, certain);
    }

    async fn read(&self) -> (Version, Content) {
        let call = self.begin(Kind::Read(None));
        let StoredHead { version, bytes } = self.store().head().await.unwrap();
        let content = bytes.map(|bytes| String::from_utf8(bytes).unwrap());
        self.calls.borrow_mut()[call].kind = Kind::Read(content.clone());
        self.end(call, true);
        (version, content)
    }

    /// Compares with what was read, and sets.
    async fn set(&self, before: &(Version, Content), next: Content) -> Option<(Version, Content)> {
        let call = self.begin(Kind::Set(before.1.clone(), next.clone()));
        let bytes = next.as_deref().map(str::as_bytes);
        match self.store().swap(&before.0, bytes).await.unwrap() {
            Swap::Done(version) => {
                self.end(call, true);
                Some((version, next))
            }
            Swap::Lost => {
                self.end(call, false);
                None
            }
        }
    }

    /// Returns true if an order of effects explains all answers.
    fn is_explained(&self) -> bool {
        explains(&None, &self.calls.borrow().iter().collect::<Vec<_>>())
    }
}

/// Returns true if the remaining calls can take effect one after the other.
fn explains(head: &Content, calls: &[&Call]) -> bool {
    if calls.iter().all(|call| !call.certain) {
        return true;
    }
    let ends = calls.iter().filter_map(|call| call.end);
    let first_end = ends.min().unwrap_or(usize::MAX);
    calls.iter().enumerate().any(|(at, call)| {
        if call.begin > first_end {
            return false;
        }
        let mut rest = calls.to_vec();
        rest.remove(at);
        let takes_effect = match &call.kind {
            Kind::Read(seen) => seen == head && explains(head, &rest),
            Kind::Set(before, next) => before == head && explains(next, &rest),
        };
        takes_effect || (!call.certain && explains(head, &rest))
    })
}

/// Runs commands in every order of their calls, with at most `kills` of them killed at
/// any point, and then lets another command read the head. Returns the number of runs.
fn explore(kills: usize, commands: impl Fn(&World) -> Vec<Command>) -> usize {
    let mut choices: Vec<(usize, usize)> = Vec::new();
    let mut runs = 0;
    loop {
        runs += 1;
        let world = World::default();
        let mut running = commands(&world);
        let (mut depth, mut kills_left) = (0, kills);
        while !running.is_empty() {
            let kill = if kills_left > 0 { running.len() } else { 0 };
            if depth == choices.len() {
                choices.push((0, running.len() + kill));
            }
            let choice = choices[depth].0;
            depth += 1;
            if choice >= running.len() {
                drop(running.remove(choice - running.len()));
                kills_left -= 1;
                continue;
            }
            if step(&mut running[choice]) {
                drop(running.remove(choice));
            }
        }
        let last = world.clone();
        finish(Box::pin(async move {
            last.read().await;
        }));
        assert!(world.is_explained(), "{:?}", world.calls.borrow());
        while let Some((choice, of)) = choices.pop() {
            if choice + 1 < of {
                choices.push((choice + 1, of));
                break;
            }
        }
        if choices.is_empty() {
            return runs;
        }
    }
}

/// Lets a command run up to its next call. Returns true if it has ended.
fn step(command: &mut Command) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    command.as_mut().poll(&mut context).is_ready()
}

fn finish(mut command: Command) {
    while !step(&mut command) {}
}

/// A record that has been written some times, and the versions it had.
fn written(world: &World, times: usize) -> Vec<(Version, Content)> {
    let versions = Rc::new(RefCell::new(Vec::new()));
    let (world, all) = (world.clone(), Rc::clone(&versions));
    finish(Box::pin(async move {
        let mut last = world.read().await;
        for time in 0..times {
            last = world.set(&last, Some(format!("old{time}"))).await.unwrap();
            all.borrow_mut().push(last.clone());
        }
    }));
    versions.take()
}

/// Reads the head and changes it, some times, and gives up once another is first.
fn writer(world: &World, name: &'static str, times: usize) -> Command {
    let world = world.clone();
    Box::pin(async move {
        let mut last = world.read().await;
        for time in 0..times {
            let Some(next) = world.set(&last, Some(format!("{name}{time}"))).await else {
                return;
            };
            last = next;
        }
    })
}

/// Removes the record, if it is as it was read.
fn remover(world: &World, before: (Version, Content)) -> Command {
    let world = world.clone();
    Box::pin(async move {
        world.set(&before, None).await;
    })
}

/// Writes with a version from long ago.
fn late(world: &World, before: (Version, Content)) -> Command {
    let world = world.clone();
    Box::pin(async move {
        let set = world.set(&before, Some("late".to_owned())).await;
        assert!(set.is_none(), "it was overtaken");
    })
}

#[test]
fn commands_that_begin_a_record_together() {
    let runs = explore(1, |world| {
        vec![writer(world, "a", 1), writer(world, "b", 1)]
    });
    assert!(runs > 200, "{runs}");
    let three = |world: &World| {
        vec![
            writer(world, "a", 1),
            writer(world, "b", 1),
            writer(world, "c", 1),
        ]
    };
    assert!(explore(0, three) > 500);
}

#[test]
fn commands_that_go_on_with_a_record() {
    let runs = explore(1, |world| {
        written(world, 3);
        vec![writer(world, "a", 2), writer(world, "b", 1)]
    });
    assert!(runs > 2_000, "{runs}");
}

#[test]
fn commands_that_were_overtaken_long_ago() {
    for age in 1..5 {
        explore(1, |world| {
            let mut old = written(world, 5);
            vec![late(world, old.swap_remove(4 - age)), writer(world, "a", 1)]
        });
    }
}

#[test]
fn a_record_is_removed_while_others_begin_one() {
    explore(1, |world| {
        let last = written(world, 2).pop().unwrap();
        vec![remover(world, last), writer(world, "a", 1)]
    });
    explore(0, |world| {
        let last = written(world, 1).pop().unwrap();
        vec![
            remover(world, last),
            writer(world, "a", 1),
            writer(world, "b", 1),
        ]
    });
}

#[test]
fn a_late_command_brings_no_removed_record_back() {
    explore(1, |world| {
        let mut old = written(world, 2);
        let last = old.pop().unwrap();
        vec![remover(world, last), late(world, old.remove(0))]
    });
    explore(1, |world| {
        let mut old = written(world, 2);
        finish(remover(world, old[1].clone()));
        vec![late(world, old.remove(0)), writer(world, "a", 2)]
    });
}
