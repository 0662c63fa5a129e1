//! Runs the guest, with a fresh instance for each request.
//!
//! The guest is kcc's CUE evaluator, compiled ahead of time and embedded in the binary. An instance
//! starts from a snapshot with the schema already parsed, answers one request and is discarded. Its
//! only input is the request; the `sandbox`, a deadline and a memory limit contain it. Reaching a
//! limit is [`Stopped`], which the caller turns into a diagnostic. Any other failure is an
//! [`EvaluatorError`], a bug.
//!
//! An answer depends on nothing but the guest and the request, so the caller may keep answers
//! ([`Answers`]). The guest is loaded when the first request has no such answer: loading it takes
//! longer than everything else that an unchanged system needs.

mod answers;
mod deadline;
mod embedded;
mod memory;
mod sandbox;
mod settings;

use std::{fmt, io, sync::OnceLock, thread, time::Duration};

use wasmtime::{Instance, InstancePre, Module, Store, Trap, TypedFunc};

pub use self::answers::Answers;
use self::{
    deadline::Ticker,
    memory::MemoryRefused,
    sandbox::{Exited, Sandbox},
};

/// The version of the protocol.
pub(crate) const PROTOCOL: i32 = 1;

/// The stack of an instance's thread: the guest's own, and room for the host's calls.
const THREAD_STACK: usize = settings::STACK + (4 << 20);

/// The maximum length of a crashed guest's output in an error.
const MAX_OUTPUT: usize = 600;

/// The limits of the evaluation of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum time.
    pub time: Duration,
    /// The maximum memory in bytes, at most [`Limits::MAX_MEMORY`]; without one it grows with the
    /// fragments.
    pub memory: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            memory: None,
        }
    }
}

impl Limits {
    /// The maximum memory of any evaluation.
    pub const MAX_MEMORY: usize = memory::MOST;

    /// Returns what an evaluation of fragments of a weight may take.
    pub(crate) fn budget(self, weight: usize) -> Budget {
        /// Enough for thousands of components that few lines generate, and little enough for two
        /// evaluations at once on a small machine.
        const MEMORY: usize = 768 << 20;
        /// About three times what a component that is written out needs.
        const MEMORY_PER_BYTE: usize = 2 << 10;
        let by_weight = MEMORY.saturating_add(MEMORY_PER_BYTE.saturating_mul(weight));
        Budget {
            time: self.time,
            memory: self.memory.unwrap_or(by_weight).min(Self::MAX_MEMORY),
        }
    }
}

/// The time and memory that one run of the evaluator may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) time: Duration,
    /// In bytes.
    pub(crate) memory: usize,
}

impl Budget {
    /// Returns the share of this budget that ordinary fragments of a weight do not need: whatever
    /// exceeds it is looked at more closely. The guest does not collect garbage before it has used
    /// this much, so the share of the memory bounds the work as well, on every machine alike.
    pub(crate) fn share(self, weight: usize) -> Self {
        /// The guest's own memory, and a small system's.
        const MEMORY: usize = 64 << 20;
        const MEMORY_PER_BYTE: usize = 1 << 10;
        /// Less would say more about the machine than about the fragments: time is generous, and
        /// decides only where something takes no memory.
        const TIME: Duration = Duration::from_secs(1);
        const TIME_PER_BYTE: Duration = Duration::from_micros(40);
        let by_weight = MEMORY_PER_BYTE
            .saturating_mul(weight)
            .saturating_add(MEMORY);
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        let time = TIME.max(self.time / 6) + TIME_PER_BYTE.saturating_mul(weight);
        Self {
            time: self.time.min(time),
            memory: self.memory.min(by_weight.saturating_add(self.memory / 16)),
        }
    }
}

/// A failure of the evaluator itself: a bug in kcc or a broken installation, never the user's
/// mistake.
#[derive(Debug, thiserror::Error)]
pub enum EvaluatorError {
    /// The compiled evaluator cannot be loaded on this machine.
    #[error("the CUE evaluator cannot be loaded: {0}")]
    Load(String),
    /// The compiled evaluator and this program have different versions.
    #[error(
        "the CUE evaluator speaks version {found} of the protocol, kcc speaks version {expected}: \
         rebuild kcc"
    )]
    Protocol {
        /// The version of this program.
        expected: i32,
        /// The version of the evaluator.
        found: i32,
    },
    /// The machine lacks the resources for an evaluation.
    #[error("the CUE evaluator cannot be started: {0}")]
    Start(String),
    /// A thread for the evaluation cannot be started.
    #[error("cannot start a thread for the CUE evaluator")]
    Thread(#[source] io::Error),
    /// The evaluator crashed.
    #[error("the CUE evaluator stopped unexpectedly: {0}")]
    Crashed(String),
    /// The response violates the protocol.
    #[error("the CUE evaluator returned an invalid response: {0}")]
    Answer(String),
}

impl EvaluatorError {
    /// Returns the error for a panicked thread of this program.
    pub(crate) fn host_panicked() -> Self {
        Self::Crashed("the host panicked".to_owned())
    }
}

/// The limit that ended an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The time limit.
    Time,
    /// The memory limit.
    Memory,
    /// The depth of the stack.
    Depth,
    /// The evaluator panicked.
    Panic,
}

/// The guest of this process. The code of the embedded one is made executable in place,
/// which works once.
static GUEST: OnceLock<Result<Guest, String>> = OnceLock::new();

/// The CUE evaluator; shared freely between threads.
#[derive(Default)]
pub struct Evaluator {
    answers: Option<Box<dyn Answers>>,
}

impl fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evaluator").finish_non_exhaustive()
    }
}

/// Returns the guest, which the first request loads.
fn guest() -> Result<&'static Guest, EvaluatorError> {
    GUEST
        .get_or_init(|| Guest::new(embedded::load(&settings::settings())))
        .as_ref()
        .map_err(|refused| EvaluatorError::Load(refused.clone()))
}

impl Evaluator {
    /// The identity of the guest: another one may answer differently.
    pub const IDENTITY: &str = env!("KCC_EVALUATOR_IDENTITY");

    /// Returns an evaluator that uses known answers, and adds its own to them.
    pub fn with_answers(answers: Option<Box<dyn Answers>>) -> Self {
        Self { answers }
    }

    /// Answers one request.
    pub(crate) fn run(
        &self,
        request: &[u8],
        budget: Budget,
    ) -> Result<Result<Vec<u8>, Stopped>, EvaluatorError> {
        let Some(answers) = &self.answers else {
            return guest()?.run(request, budget);
        };
        let key = answers::key(Self::IDENTITY, request, &budget);
        if let Some(answer) = answers.get(&key) {
            return Ok(Ok(answer));
        }
        let answer = guest()?.run(request, budget);
        // What a limit ended says something about this machine too.
        if let Ok(Ok(answer)) = &answer {
            answers.put(&key, answer);
        }
        answer
    }
}

/// The guest, ready to run.
struct Guest {
    instances: InstancePre<Sandbox>,
    ticker: Ticker,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").finish_non_exhaustive()
    }
}

impl Guest {
    fn new(loaded: wasmtime::Result<(wasmtime::Engine, Module)>) -> Result<Self, String> {
        let refused = |error: wasmtime::Error| format!("{error:#}");
        let (engine, module) = loaded.map_err(refused)?;
        let instances = sandbox::link(&module)
            .and_then(|linker| linker.instantiate_pre(&module))
            .map_err(refused)?;
        Ok(Self {
            instances,
            ticker: Ticker::new(engine.weak()),
        })
    }

    /// Runs one request on a thread with a sufficiently large stack.
    fn run(
        &self,
        request: &[u8],
        budget: Budget,
    ) -> Result<Result<Vec<u8>, Stopped>, EvaluatorError> {
        thread::scope(|scope| {
            thread::Builder::new()
                .name("kcc-cue".to_owned())
                .stack_size(THREAD_STACK)
                .spawn_scoped(scope, || self.run_here(request, budget))
                .map_err(EvaluatorError::Thread)?
                .join()
                .unwrap_or_else(|_| Err(EvaluatorError::host_panicked()))
        })
    }

    fn run_here(
        &self,
        request: &[u8],
        budget: Budget,
    ) -> Result<Result<Vec<u8>, Stopped>, EvaluatorError> {
        let _running = self.ticker.run().map_err(EvaluatorError::Thread)?;
        let mut store = Store::new(
            self.instances.module().engine(),
            Sandbox::new(budget.memory),
        );
        store.limiter(|sandbox| &mut sandbox.memory);
        store.set_epoch_deadline(Ticker::ticks(budget.time));
        match self.exchange(&mut store, request) {
            Ok(answer) => Ok(Ok(answer)),
            Err(ExchangeError::Host(error)) => Err(error),
            Err(ExchangeError::Guest(error)) => {
                let output = store.data().standard_error();
                match stopped(&error).or_else(|| overflowed(&output)) {
                    Some(stopped) => Ok(Err(stopped)),
                    None => Err(EvaluatorError::Crashed(crash(&error, &output))),
                }
            }
        }
    }

    /// Creates an instance of the snapshot. On a machine short of memory the kernel may refuse to
    /// seal the file that contains it while it moves one of the file's pages; that is temporary.
    fn instantiate(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<Instance> {
        const TRIES: u32 = 20;
        const PAUSE: Duration = Duration::from_millis(10);
        let mut tries = 1;
        loop {
            match self.instances.instantiate(&mut *store) {
                Err(error) if tries < TRIES && format!("{error:#}").contains("seals") => {
                    tries += 1;
                    thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }

    fn exchange(
        &self,
        store: &mut Store<Sandbox>,
        request: &[u8],
    ) -> Result<Vec<u8>, ExchangeError> {
        let instance = self.instantiate(store).map_err(|error| {
            // No guest code has run, so the machine is the cause.
            if stopped(&error).is_some() {
                ExchangeError::Guest(error)
            } else {
                EvaluatorError::Start(format!("{error:#}")).into()
            }
        })?;
        let protocol: TypedFunc<(), i32> = instance.get_typed_func(&mut *store, "kcc_protocol")?;
        let found = protocol.call(&mut *store, ())?;
        if found != PROTOCOL {
            return Err(EvaluatorError::Protocol {
                expected: PROTOCOL,
                found,
            }
            .into());
        }
        let alloc: TypedFunc<i32, i32> = instance.get_typed_func(&mut *store, "kcc_alloc")?;
        let run: TypedFunc<(i32, i32), i64> = instance.get_typed_func(&mut *store, "kcc_run")?;
        let Some(memory) = instance.get_memory(&mut *store, "memory") else {
            return Err(EvaluatorError::Load("it has no memory".to_owned()).into());
        };

        // A request of 2 GiB would not fit into the guest's memory anyway.
        let Ok(size) = i32::try_from(request.len()) else {
            return Err(ExchangeError::Guest(
                MemoryRefused {
                    limit: memory::MOST,
                }
                .into(),
            ));
        };
        let at = alloc.call(&mut *store, size)?;
        let outside = |_| EvaluatorError::Answer("an address is outside its memory".to_owned());
        memory
            .write(&mut *store, address(at), request)
            .map_err(outside)?;
        let answer = run.call(&mut *store, (at, size))?.cast_unsigned();
        // The address is in the high half, the length in the low half.
        let [at, size] = [answer >> 32, answer & 0xffff_ffff];
        let [at, size] = [at, size].map(|half| usize::try_from(half).unwrap_or(usize::MAX));
        memory
            .data(&*store)
            .get(at..)
            .and_then(|rest| rest.get(..size))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| {
                ExchangeError::Host(EvaluatorError::Answer(
                    "an address is outside its memory".to_owned(),
                ))
            })
    }
}

/// The cause of a failed exchange.
enum ExchangeError {
    /// The guest stopped or was stopped.
    Guest(wasmtime::Error),
    /// The host found an error.
    Host(EvaluatorError),
}

impl From<wasmtime::Error> for ExchangeError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Guest(error)
    }
}

impl From<EvaluatorError> for ExchangeError {
    fn from(error: EvaluatorError) -> Self {
        Self::Host(error)
    }
}

#[allow(
    clippy::cast_sign_loss,
    reason = "an address of wasm is unsigned, its integers are not"
)]
fn address(at: i32) -> usize {
    at as u32 as usize
}

fn stopped(error: &wasmtime::Error) -> Option<Stopped> {
    if error.is::<MemoryRefused>() {
        return Some(Stopped::Memory);
    }
    match error.downcast_ref::<Trap>()? {
        Trap::Interrupt => Some(Stopped::Time),
        Trap::StackOverflow => Some(Stopped::Depth),
        _ => None,
    }
}

/// Go exits when its own stack limit, which is below that of the sandbox, is reached.
fn overflowed(output: &str) -> Option<Stopped> {
    output.contains("stack overflow").then_some(Stopped::Depth)
}

/// Describes why the guest stopped, with its own output if there is any.
fn crash(error: &wasmtime::Error, output: &str) -> String {
    let cause = match error.downcast_ref::<Exited>() {
        Some(exited) => exited.to_string(),
        None => format!("{error:#}"),
    };
    let mut shown: String = output.chars().take(MAX_OUTPUT).collect();
    if shown.len() < output.len() {
        shown.push('…');
    }
    if shown.is_empty() {
        cause
    } else {
        format!("{cause}\n{shown}")
    }
}

#[cfg(test)]
mod tests;
