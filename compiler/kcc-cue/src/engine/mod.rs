//! [`Evaluator`]: runs the guest, one fresh instance for each request.
//!
//! The guest is kcc's CUE evaluator, compiled ahead of time and carried by the
//! binary. An instance starts from a snapshot in which the schema is parsed
//! already, answers one request and is thrown away. It gets nothing from the
//! outside but the request (`sandbox`), a deadline and a limit of memory;
//! running into one of them is a [`Stopped`], which the caller turns into a
//! diagnostic. Everything else that goes wrong is an [`EvaluatorError`], a bug.

mod deadline;
mod embedded;
mod memory;
mod sandbox;
mod settings;

use std::{io, thread, time::Duration};

use wasmtime::{Instance, InstancePre, Module, Store, Trap, TypedFunc};

use self::{
    deadline::Ticker,
    memory::MemoryRefused,
    sandbox::{Exited, Sandbox},
};

/// The version of the wire that this host speaks.
pub(crate) const PROTOCOL: i32 = 1;

/// Stack of an instance's thread: the guest's own and room for the host's calls.
const THREAD_STACK: usize = settings::STACK + (4 << 20);

/// How much of a crashed guest's words is shown.
const SHOWN: usize = 600;

/// What one evaluation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take.
    pub time: Duration,
    /// How many bytes of memory it may have; more than 4 GiB counts as 4 GiB.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            memory: memory::MOST,
        }
    }
}

/// The engine itself failed: a bug in kcc or a broken installation, never the
/// user's mistake.
#[derive(Debug, thiserror::Error)]
pub enum EvaluatorError {
    /// The compiled engine cannot be loaded on this machine.
    #[error("the CUE evaluator cannot be loaded: {0}")]
    Load(String),
    /// The compiled engine and this program are of different versions.
    #[error(
        "the CUE evaluator speaks version {found} of the protocol, kcc speaks version {expected}: \
         build kcc anew"
    )]
    Protocol {
        /// The version that this program speaks.
        expected: i32,
        /// The version that the engine speaks.
        found: i32,
    },
    /// The machine does not give an evaluation what it needs.
    #[error("the CUE evaluator cannot be started: {0}")]
    Start(String),
    /// A thread for the evaluation cannot be started.
    #[error("cannot start a thread for the CUE evaluator")]
    Thread(#[source] io::Error),
    /// The engine crashed.
    #[error("the CUE evaluator stopped unexpectedly: {0}")]
    Crashed(String),
    /// The engine's answer is not of the protocol.
    #[error("the CUE evaluator gave an answer that cannot be read: {0}")]
    Answer(String),
}

impl EvaluatorError {
    /// A thread of this program's own ended in a panic.
    pub(crate) fn host_panicked() -> Self {
        Self::Crashed("its host panicked".to_owned())
    }
}

/// An evaluation ran into a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It took too long.
    Time,
    /// It wanted too much memory.
    Memory,
    /// It went too deep.
    Depth,
    /// The evaluator panicked.
    Panic,
}

/// The CUE evaluator, ready to evaluate; shared freely between threads.
pub struct Evaluator {
    instances: InstancePre<Sandbox>,
    ticker: Ticker,
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluator").finish_non_exhaustive()
    }
}

impl Evaluator {
    /// Loads the evaluator that is embedded in this binary.
    pub fn new() -> Result<Self, EvaluatorError> {
        Self::from_loaded(embedded::load(&settings::settings()))
    }

    fn from_loaded(
        loaded: wasmtime::Result<(wasmtime::Engine, Module)>,
    ) -> Result<Self, EvaluatorError> {
        let refused = |error: wasmtime::Error| EvaluatorError::Load(format!("{error:#}"));
        let (engine, module) = loaded.map_err(refused)?;
        let instances = sandbox::link(&module)
            .and_then(|linker| linker.instantiate_pre(&module))
            .map_err(refused)?;
        Ok(Self {
            instances,
            ticker: Ticker::new(engine.weak()),
        })
    }

    /// Runs one request on a thread with a stack that is large enough.
    pub(crate) fn run(
        &self,
        request: &[u8],
        limits: Limits,
    ) -> Result<Result<Vec<u8>, Stopped>, EvaluatorError> {
        thread::scope(|scope| {
            thread::Builder::new()
                .name("kcc-cue".to_owned())
                .stack_size(THREAD_STACK)
                .spawn_scoped(scope, || self.run_here(request, limits))
                .map_err(EvaluatorError::Thread)?
                .join()
                .unwrap_or_else(|_| Err(EvaluatorError::host_panicked()))
        })
    }

    fn run_here(
        &self,
        request: &[u8],
        limits: Limits,
    ) -> Result<Result<Vec<u8>, Stopped>, EvaluatorError> {
        let _running = self.ticker.run().map_err(EvaluatorError::Thread)?;
        let mut store = Store::new(
            self.instances.module().engine(),
            Sandbox::new(limits.memory),
        );
        store.limiter(|sandbox| &mut sandbox.memory);
        store.set_epoch_deadline(Ticker::ticks(limits.time));
        match self.exchange(&mut store, request) {
            Ok(answer) => Ok(Ok(answer)),
            Err(Fault::Host(error)) => Err(error),
            Err(Fault::Guest(error)) => {
                let said = store.data().standard_error();
                match stopped(&error).or_else(|| overflowed(&said)) {
                    Some(stopped) => Ok(Err(stopped)),
                    None => Err(EvaluatorError::Crashed(crash(&error, &said))),
                }
            }
        }
    }

    /// A new instance of the snapshot. The kernel refuses to seal the file that
    /// holds it while it moves one of the file's pages, on a machine that is
    /// short of memory: that passes.
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

    fn exchange(&self, store: &mut Store<Sandbox>, request: &[u8]) -> Result<Vec<u8>, Fault> {
        let instance = self.instantiate(store).map_err(|error| {
            // Nothing of the guest has run, so what failed is the machine.
            if stopped(&error).is_some() {
                Fault::Guest(error)
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
            return Err(Fault::Guest(
                MemoryRefused {
                    limit: memory::MOST,
                }
                .into(),
            ));
        };
        let at = alloc.call(&mut *store, size)?;
        let outside =
            |_| EvaluatorError::Answer("an address lies outside of its memory".to_owned());
        memory
            .write(&mut *store, address(at), request)
            .map_err(outside)?;
        let answer = run.call(&mut *store, (at, size))?.cast_unsigned();
        // The address in the high half, the length in the low one.
        let [at, size] = [answer >> 32, answer & 0xffff_ffff];
        let [at, size] = [at, size].map(|half| usize::try_from(half).unwrap_or(usize::MAX));
        memory
            .data(&*store)
            .get(at..)
            .and_then(|rest| rest.get(..size))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| {
                Fault::Host(EvaluatorError::Answer(
                    "an address lies outside of its memory".to_owned(),
                ))
            })
    }
}

/// What ended an exchange.
enum Fault {
    /// The guest was ended, by itself or by the host.
    Guest(wasmtime::Error),
    /// What the host found wrong.
    Host(EvaluatorError),
}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        Self::Guest(error)
    }
}

impl From<EvaluatorError> for Fault {
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

/// Go ends itself where its own limit for a stack is below that of the sandbox.
fn overflowed(said: &str) -> Option<Stopped> {
    said.contains("stack overflow").then_some(Stopped::Depth)
}

/// Why the guest stopped, in its own words where it has any.
fn crash(error: &wasmtime::Error, said: &str) -> String {
    let cause = match error.downcast_ref::<Exited>() {
        Some(exited) => exited.to_string(),
        None => format!("{error:#}"),
    };
    let mut words: String = said.chars().take(SHOWN).collect();
    if words.len() < said.len() {
        words.push('…');
    }
    if words.is_empty() {
        cause
    } else {
        format!("{cause}\n{words}")
    }
}

#[cfg(test)]
mod tests;
