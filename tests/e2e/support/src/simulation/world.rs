//! A world: one engine with one record, on which commands run one after the other, one
//! or two of them with a fault. After each call nothing of others may be touched,
//! nothing of kcc's unknown to the record, no data destroyed, and only the holder of the
//! lock may write; in the end one plain run leads to the desired state.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use kcc_diag::Code;
use kcc_lower::Desired;
use kcc_model::Until;
use kcc_plan::{
    ApplyReport, Calls, Cancel, Context, Driver, Error, Fence, Intent, Options, Readiness, Record,
    RecordStore, Silent, Snapshot, Step, execute, perform, revision::Change,
};
use tokio::{runtime::Builder, time::sleep};

use super::{
    chance::Chance,
    engine::SimulatedEngine,
    fault::{Faults, Interruption, interruptible},
    mistake::Mistake,
    store::SimulatedStore,
};

/// The time to wait for a lock: longer than one lasts.
const LOCK_TIMEOUT: Duration = Duration::from_mins(1);
/// The time for which an overtaken command is paused: longer than a lock lasts.
const PAUSE: Duration = Duration::from_secs(25);
/// The calls of a command to its store, about.
const STORE_CALLS: usize = 24;

/// Runs the world of a seed. The error says what is wrong with it.
pub(super) fn run<E: SimulatedEngine>(seed: u64, mistake: Mistake) -> Result<(), String> {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(world::<E>(seed, mistake))
}

async fn world<E: SimulatedEngine>(seed: u64, mistake: Mistake) -> Result<(), String> {
    let mut chance = Chance::new(seed);
    let engine = E::new(&mut chance);
    let mut desired = engine.desired(&mut chance);
    let mut world = World {
        shared: Arc::new(Shared {
            engine: Mutex::new(engine),
            store: SimulatedStore::new(),
            records: Mutex::new((u64::MAX, Snapshot::default())),
            violation: Mutex::new(None),
            mistake,
        }),
        chance,
        log: Vec::new(),
    };
    let result = world.live(&mut desired).await;
    let violation = world.shared.violation();
    match (violation, result) {
        (None, Ok(())) => Ok(()),
        (Some(why), _) | (None, Err(why)) => Err(format!("{why}\n{}", world.log.join("\n"))),
    }
}

struct World<E: SimulatedEngine> {
    shared: Arc<Shared<E>>,
    chance: Chance,
    /// The commands so far.
    log: Vec<String>,
}

/// The part of a world that all its commands see.
struct Shared<E: SimulatedEngine> {
    engine: Mutex<E>,
    store: SimulatedStore,
    /// The content of the record, and the number of the head that it belongs to.
    records: Mutex<(u64, Snapshot<E::Inventory>)>,
    /// The first invariant that did not hold.
    violation: Mutex<Option<String>>,
    mistake: Mistake,
}

impl<E: SimulatedEngine> Shared<E> {
    fn engine(&self) -> MutexGuard<'_, E> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn violation(&self) -> Option<String> {
        let violation = self.violation.lock();
        violation.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn violates(&self, why: String) {
        let violation = self.violation.lock();
        violation
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(why);
    }

    /// Returns the content of the record as an onlooker sees it.
    fn records(&self) -> MutexGuard<'_, (u64, Snapshot<E::Inventory>)> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.store.version();
        if records.0 != version {
            let record = Record::new(self.store.connect(&Faults::none()), Fence::default());
            // Nothing in memory has to be waited for.
            match record.read().now_or_never() {
                Some(Ok(snapshot)) => *records = (version, snapshot),
                Some(Err(error)) => self.violates(format!("the record is damaged: {error}")),
                None => self.violates("the record cannot be read".to_owned()),
            }
        }
        records
    }
}

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Apply,
    /// An apply that may recreate everything, data included.
    Recreate,
    Down {
        volumes: bool,
    },
}

impl Command {
    /// Returns true if it may remove data.
    fn may_remove(self) -> bool {
        matches!(self, Self::Recreate | Self::Down { volumes: true })
    }

    fn is_removal(self) -> bool {
        matches!(self, Self::Down { .. })
    }

    fn options(self, desired: &Desired) -> Options {
        let mut options = Options {
            lock_timeout: LOCK_TIMEOUT,
            volumes: self.may_remove(),
            ..Options::default()
        };
        if self == Self::Recreate {
            options.recreate = desired.components.keys().cloned().collect();
        }
        options
    }
}

impl<E: SimulatedEngine> World<E> {
    async fn live(&mut self, desired: &mut Desired) -> Result<(), String> {
        if !self.chance.one_in(4) {
            self.converge(desired).await?;
            if self.chance.one_in(3) {
                self.interfere(desired);
            }
        }
        let next = self.shared.engine().change(desired, &mut self.chance);
        for _ in 0..=usize::from(self.chance.one_in(3)) {
            self.go_wrong(&next).await;
            if let Some(why) = self.shared.violation() {
                return Err(why);
            }
        }
        *desired = next;
        self.converge(desired).await?;
        let volumes = self.chance.one_in(2);
        self.plainly(Command::Down { volumes }, desired).await?;
        self.shared.engine().check_removed(volumes)?;
        Ok(())
    }

    fn interfere(&mut self, desired: &Desired) {
        self.shared.engine().interfere(desired, &mut self.chance);
        self.log.push("somebody else changes the engine".to_owned());
    }

    /// Runs a command with a fault.
    async fn go_wrong(&mut self, desired: &Desired) {
        let doomed;
        let mut target = desired;
        if self.chance.one_in(4) {
            doomed = E::doom(desired, &mut self.chance);
            target = &doomed;
        }
        let command = match self.chance.below(10) {
            0 => Command::Down { volumes: false },
            1 => Command::Down { volumes: true },
            2 | 3 => Command::Recreate,
            _ => Command::Apply,
        };
        let calls = self.calls_of(command, target);
        let faults = Faults::random(&mut self.chance, calls);
        let cancel = Cancel::new();
        let shared = Arc::clone(&self.shared);
        let task = run_command(&shared, command, target, &faults, &cancel);
        let (chance, log) = (&mut self.chance, &mut self.log);
        let at = faults.planned();
        log.push(format!("{command:?} with {at:?}"));
        let act = async |interruption| match interruption {
            Interruption::Pause => {
                sleep(PAUSE).await;
                let (faults, cancel) = (Faults::none(), Cancel::new());
                let other = shared.engine().change(desired, chance);
                let task = run_command(&shared, Command::Apply, &other, &faults, &cancel);
                // Boxed, because one command is inside the other.
                let done = Box::pin(task).await;
                log.push(format!("overtaken by an apply: {}", outcome(&done)));
            }
            Interruption::Interference => {
                shared.engine().interfere(desired, chance);
                log.push("somebody else changes the engine".to_owned());
            }
            Interruption::Stop => cancel.cancel(),
            Interruption::Crash => {}
        };
        let done = interruptible(&faults, task, act).await;
        let done = done.as_ref().map_or("killed".to_owned(), outcome);
        log.push(format!("ended after {} calls: {done}", faults.calls()));
    }

    /// Returns about the number of calls that a command would make if it applies.
    fn calls_of(&self, command: Command, desired: &Desired) -> usize {
        let steps = self.steps_of(command, desired);
        let parts = steps.iter().flat_map(E::calls);
        parts.map(|part| part.calls.len()).sum::<usize>() + STORE_CALLS
    }

    /// Returns the steps that a command would take if it applies.
    fn steps_of(&self, command: Command, desired: &Desired) -> Vec<Step<E::Payload>> {
        let engine = self.shared.engine();
        let observed = engine.observe(desired, &self.shared.records().1);
        let plan = E::plan(desired, &observed, &command.options(desired));
        plan.map(|plan| plan.steps).unwrap_or_default()
    }

    /// Runs a plain apply, which has to lead to the desired state, and another one,
    /// which has to find nothing to do.
    async fn converge(&mut self, desired: &Desired) -> Result<(), String> {
        self.plainly(Command::Apply, desired).await?;
        self.shared.engine().check_desired(desired)?;
        let steps = self.steps_of(Command::Apply, desired);
        let report = self.plainly(Command::Apply, desired).await?;
        if report.planned > 0 || report.mutating_calls > 0 {
            let calls = report.mutating_calls;
            let steps: Vec<_> = steps.iter().map(|step| &step.operation).collect();
            return Err(format!(
                "a second run planned {steps:?} and made {calls} calls"
            ));
        }
        Ok(())
    }

    /// Runs a command without faults, which has to be complete. Objects of others that
    /// are in its way are removed first, and claims are recreated that cannot be changed,
    /// as its refusal asks for.
    async fn plainly(
        &mut self,
        command: Command,
        desired: &Desired,
    ) -> Result<ApplyReport, String> {
        let (faults, cancel) = (Faults::none(), Cancel::new());
        let shared = Arc::clone(&self.shared);
        let mut done = run_command(&shared, command, desired, &faults, &cancel).await;
        self.log
            .push(format!("plain {command:?}: {}", outcome(&done)));
        if matches!(&done, Err(error) if error.code == Code::PlanForeignObject) {
            shared.engine().clear(desired);
            done = run_command(&shared, command, desired, &faults, &cancel).await;
            self.log
                .push(format!("{command:?} once more: {}", outcome(&done)));
        }
        if matches!(&done, Err(error) if error.code == Code::PlanImmutable) {
            let command = Command::Recreate;
            done = run_command(&shared, command, desired, &faults, &cancel).await;
            self.log.push(format!("{command:?}: {}", outcome(&done)));
        }
        if let Some(why) = shared.violation() {
            return Err(why);
        }
        match done {
            Ok(report) if report.is_complete() => Ok(report),
            Ok(report) => Err(format!(
                "a plain {command:?} failed: {:#?}",
                report.failures
            )),
            Err(error) => Err(format!(
                "a plain {command:?} was refused: {}",
                error.chain()
            )),
        }
    }
}

fn outcome(done: &Result<ApplyReport, Error>) -> String {
    match done {
        Ok(report) if report.is_complete() => format!("{} operations", report.performed),
        Ok(report) => {
            let failures = report.failures.iter();
            let failures: Vec<_> = failures.map(|failure| failure.message.as_str()).collect();
            format!("incomplete: {}", failures.join(" | "))
        }
        Err(error) => error.chain(),
    }
}

/// Runs a command as a process of its own does.
async fn run_command<E: SimulatedEngine>(
    shared: &Shared<E>,
    command: Command,
    desired: &Desired,
    faults: &Faults,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    let mut options = command.options(desired);
    let (removal, may_remove) = (command.is_removal(), command.may_remove());
    options.volumes |= removal && shared.mistake == Mistake::DataWithoutFlag;
    let fence = Fence::default();
    let record = Record::new(shared.store.connect(faults), fence.clone());
    record
        .wait_until_unlocked(&options, &Silent, cancel)
        .await?;
    let task = async {
        let records = record.read().await?;
        let observed = shared.engine().observe(desired, &records);
        let plan = if removal {
            E::removal(desired, &observed, &options)?
        } else {
            E::plan(desired, &observed, &options)?
        };
        let driver = SimulatedDriver {
            shared,
            desired,
            faults,
            fence: fence.clone(),
            epoch: records.epoch,
            may_remove,
            memory: Mutex::default(),
            calls: AtomicU64::new(0),
        };
        let mut writer = Writer {
            shared,
            desired,
            record: &record,
            records,
        };
        if shared.mistake == Mistake::EarlyInventory && !plan.is_empty() {
            let created = Intent::of(&plan, 0);
            writer.end(&observed, &created.created()).await?;
            return Ok(execute(&plan, &driver, &Silent, cancel).await);
        }
        perform(&plan, &observed, &driver, &mut writer, &Silent, cancel).await
    };
    record
        .locked("a command", &options, &Silent, cancel, task)
        .await
}

/// The records of a command.
struct Writer<'a, E: SimulatedEngine> {
    shared: &'a Shared<E>,
    desired: &'a Desired,
    record: &'a Record<SimulatedStore>,
    records: Snapshot<E::Inventory>,
}

impl<E: SimulatedEngine> RecordStore for Writer<'_, E> {
    type Observed = E::Observed;

    fn is_interrupted(&self) -> bool {
        self.records.intent.is_some()
    }

    async fn begin(&mut self, intent: &Intent) -> Result<(), Error> {
        if self.shared.mistake == Mistake::NoIntent {
            return Ok(());
        }
        self.record.begin(intent, Change::None).await
    }

    fn ended(&mut self, _: &ApplyReport) -> bool {
        false
    }

    async fn observe(&self) -> Result<E::Observed, Error> {
        Ok(self.shared.engine().observe(self.desired, &self.records))
    }

    async fn end(
        &mut self,
        observed: &E::Observed,
        created: &BTreeSet<(&str, &str)>,
    ) -> Result<(), Error> {
        let inventory = E::inventory(self.desired, observed, &self.records, created);
        self.record.end(inventory.as_ref()).await
    }
}

/// Makes the calls of a command, and checks the invariants after each.
struct SimulatedDriver<'a, E: SimulatedEngine> {
    shared: &'a Shared<E>,
    desired: &'a Desired,
    faults: &'a Faults,
    fence: Fence,
    /// The number of the lock that the command holds.
    epoch: u64,
    /// True if data may be removed.
    may_remove: bool,
    memory: Mutex<E::Memory>,
    calls: AtomicU64,
}

impl<E: SimulatedEngine> SimulatedDriver<'_, E> {
    fn check(&self) -> Result<(), String> {
        let mut engine = self.shared.engine();
        engine.check_calls(self.may_remove)?;
        let records = self.shared.records();
        if records.1.epoch != self.epoch {
            return Err("a command wrote after its lock was taken over".to_owned());
        }
        engine.check_tracked(&records.1)
    }
}

impl<E: SimulatedEngine> Driver for SimulatedDriver<'_, E> {
    type Payload = E::Payload;
    type Call = E::Call;

    fn calls(step: &Step<E::Payload>) -> Vec<Calls<E::Call>> {
        E::calls(step)
    }

    async fn perform(&self, call: &E::Call, context: &Context<'_>) -> Result<(), Error> {
        if self.shared.mistake == Mistake::MissingCall && E::is_last(call) {
            return Ok(());
        }
        let send = || match self.shared.mistake {
            Mistake::NoFence => Ok(()),
            _ => self.fence.check(),
        };
        let effect = || {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let made = self
                .shared
                .engine()
                .make(call, context.operation, &mut memory);
            if let Err(why) = self.check() {
                self.shared.violates(format!("{why}, by {call:?}"));
            }
            made
        };
        let made = self.faults.call(send, effect).await;
        match self.shared.mistake {
            Mistake::SwallowedError => Ok(()),
            _ => made,
        }
    }

    async fn ready(&self, component: &str, until: Until) -> Result<Readiness, Error> {
        let engine = self.shared.engine();
        Ok(engine.readiness(self.desired, component, None, until))
    }

    async fn object_ready(&self, object: &str, until: Until) -> Result<Readiness, Error> {
        let engine = self.shared.engine();
        Ok(engine.readiness(self.desired, "", Some(object), until))
    }

    fn mutating_calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}
