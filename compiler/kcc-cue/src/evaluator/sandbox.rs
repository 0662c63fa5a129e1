//! The guest's view of the world: kcc's implementation of WASI.
//!
//! The guest finds no files, no environment, no arguments and no network. Its clock only advances
//! while it sleeps, its randomness is fixed, and the beginning of its standard error is kept for
//! crash reports. An import that is not listed here is an error before anything runs.
//!
//! The host and the builder both compile this file.

use wasmtime::{Caller, Error, Extern, Linker, Module, Result, Val};

use super::memory::MemoryLimit;

/// WASI's error number for a bad descriptor.
const BAD_DESCRIPTOR: i32 = 8;
/// WASI's error number for an address outside the memory.
const FAULT: i32 = 21;
/// WASI's error number for an unsupported function.
const NO_SYSTEM: i32 = 52;

const MODULE: &str = "wasi_snapshot_preview1";
const STANDARD_ERROR: i32 = 2;

/// The part of the guest's standard error to keep. Go reports why it stopped at the beginning.
const MAX_STDERR: usize = 16 << 10;

/// The guest's initial clock in nanoseconds: the first day of 2000.
const START: u64 = 946_684_800_000_000_000;

/// Functions on descriptors, none of which exist.
const NO_DESCRIPTORS: [&str; 16] = [
    "fd_close",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
];

/// Functions for files, sockets and signals, none of which are supported.
const DENIED: [&str; 17] = [
    "fd_advise",
    "fd_allocate",
    "fd_datasync",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "proc_raise",
    "sock_accept",
    "sock_recv",
    "sock_shutdown",
];

/// The state of one instance.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// The memory limit.
    pub(crate) memory: MemoryLimit,
    standard_error: Vec<u8>,
    now: u64,
    random: u64,
}

impl Sandbox {
    /// Creates the state of a new instance.
    pub(crate) fn new(memory: usize) -> Self {
        Self {
            memory: MemoryLimit::new(memory),
            standard_error: Vec::new(),
            now: START,
            random: 0x6b63_6320_6375_6521,
        }
    }

    /// Returns the beginning of the guest's standard error.
    pub(crate) fn standard_error(&self) -> String {
        String::from_utf8_lossy(&self.standard_error)
            .trim_end()
            .to_owned()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_STDERR - self.standard_error.len().min(MAX_STDERR);
        self.standard_error
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// `SplitMix64`: deterministic, and good enough to seed hash tables.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

/// The guest exited, which it does after a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exited(pub(crate) i32);

impl std::fmt::Display for Exited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exited with status {}", self.0)
    }
}

impl std::error::Error for Exited {}

/// The guest imports something that is not provided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownImport(pub(crate) String);

impl std::fmt::Display for UnknownImport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unsupported import `{}`", self.0)
    }
}

impl std::error::Error for UnknownImport {}

/// Links every import of a module, or returns an error naming one that is not provided.
pub(crate) fn link(module: &Module) -> Result<Linker<Sandbox>> {
    let mut linker = Linker::new(module.engine());
    // Go imports some functions twice.
    linker.allow_shadowing(true);
    for import in module.imports() {
        let unknown = || {
            Error::new(UnknownImport(format!(
                "{}.{}",
                import.module(),
                import.name()
            )))
        };
        if import.module() != MODULE {
            return Err(unknown());
        }
        let errno = match import.name() {
            "args_get" | "environ_get" | "sched_yield" => 0,
            name if NO_DESCRIPTORS.contains(&name) => BAD_DESCRIPTOR,
            name if DENIED.contains(&name) => NO_SYSTEM,
            name => {
                if !answer(&mut linker, name)? {
                    return Err(unknown());
                }
                continue;
            }
        };
        let Some(ty) = import.ty().func().cloned() else {
            return Err(unknown());
        };
        linker.func_new(MODULE, import.name(), ty, move |_, _, results| {
            if let [result] = results {
                *result = Val::I32(errno);
            }
            Ok(())
        })?;
    }
    Ok(linker)
}

/// Links an import that has an effect; returns false for other names.
fn answer(linker: &mut Linker<Sandbox>, name: &str) -> Result<bool> {
    match name {
        "args_sizes_get" | "environ_sizes_get" => linker.func_wrap(
            MODULE,
            name,
            |mut caller: Caller<'_, Sandbox>, count, size| {
                errno(write(&mut caller, count, &[0; 4]).and(write(&mut caller, size, &[0; 4])))
            },
        )?,
        "clock_res_get" => linker.func_wrap(
            MODULE,
            name,
            |mut caller: Caller<'_, Sandbox>, _: i32, at| {
                errno(write(&mut caller, at, &1_u64.to_le_bytes()))
            },
        )?,
        "clock_time_get" => linker.func_wrap(
            MODULE,
            name,
            |mut caller: Caller<'_, Sandbox>, _: i32, _: i64, at| {
                let now = caller.data().now;
                errno(write(&mut caller, at, &now.to_le_bytes()))
            },
        )?,
        "random_get" => {
            linker.func_wrap(MODULE, name, |mut caller: Caller<'_, Sandbox>, at, size| {
                errno(fill_random(&mut caller, at, size))
            })?
        }
        "fd_write" => linker.func_wrap(
            MODULE,
            name,
            |mut caller: Caller<'_, Sandbox>, descriptor: i32, parts, count, written| {
                if descriptor == STANDARD_ERROR {
                    errno(write_error(&mut caller, parts, count, written))
                } else {
                    BAD_DESCRIPTOR
                }
            },
        )?,
        "poll_oneoff" => linker.func_wrap(
            MODULE,
            name,
            |mut caller: Caller<'_, Sandbox>, subscriptions, events, count, stored| {
                errno(sleep(&mut caller, subscriptions, events, count, stored))
            },
        )?,
        "proc_exit" => linker.func_wrap(MODULE, name, |status: i32| -> Result<()> {
            Err(Error::new(Exited(status)))
        })?,
        _ => return Ok(false),
    };
    Ok(true)
}

fn errno(done: Option<()>) -> i32 {
    if done.is_some() { 0 } else { FAULT }
}

/// Returns the guest's memory together with the state.
fn memory<'a>(caller: &'a mut Caller<'_, Sandbox>) -> Option<(&'a mut [u8], &'a mut Sandbox)> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return None;
    };
    Some(memory.data_and_store_mut(caller))
}

#[allow(
    clippy::cast_sign_loss,
    reason = "an address of wasm is unsigned, its integers are not"
)]
fn slice(memory: &mut [u8], at: i32, size: i32) -> Option<&mut [u8]> {
    let at = at as u32 as usize;
    memory.get_mut(at..at.checked_add(size as u32 as usize)?)
}

fn write(caller: &mut Caller<'_, Sandbox>, at: i32, bytes: &[u8]) -> Option<()> {
    let (memory, _) = memory(caller)?;
    slice(memory, at, i32::try_from(bytes.len()).ok()?)?.copy_from_slice(bytes);
    Some(())
}

fn read_word(memory: &mut [u8], at: i32) -> Option<i32> {
    Some(i32::from_le_bytes(slice(memory, at, 4)?.try_into().ok()?))
}

fn fill_random(caller: &mut Caller<'_, Sandbox>, at: i32, size: i32) -> Option<()> {
    let (memory, state) = memory(caller)?;
    for chunk in slice(memory, at, size)?.chunks_mut(8) {
        chunk.copy_from_slice(&state.next_random().to_le_bytes()[..chunk.len()]);
    }
    Some(())
}

/// `fd_write` to standard error: an array of addresses and lengths.
fn write_error(
    caller: &mut Caller<'_, Sandbox>,
    parts: i32,
    count: i32,
    written: i32,
) -> Option<()> {
    let (memory, state) = memory(caller)?;
    let mut total = 0_i32;
    for part in 0..count {
        let entry = parts.wrapping_add(part.wrapping_mul(8));
        let (at, size) = (
            read_word(memory, entry)?,
            read_word(memory, entry.wrapping_add(4))?,
        );
        state.keep(slice(memory, at, size)?);
        total = total.wrapping_add(size);
    }
    slice(memory, written, 4)?.copy_from_slice(&total.to_le_bytes());
    Some(())
}

/// `poll_oneoff`: the subscription of a clock is due at once and advances the clock, so a sleeping
/// guest wakes up; that of a descriptor is rejected.
fn sleep(
    caller: &mut Caller<'_, Sandbox>,
    subscriptions: i32,
    events: i32,
    count: i32,
    stored: i32,
) -> Option<()> {
    /// The sizes of WASI's `subscription` and `event`.
    const SUBSCRIPTION: i32 = 48;
    const EVENT: i32 = 32;
    const CLOCK: u8 = 0;
    const ABSOLUTE: u8 = 1;

    let (memory, state) = memory(caller)?;
    for index in 0..count {
        let at = subscriptions.wrapping_add(index.wrapping_mul(SUBSCRIPTION));
        let subscription: [u8; SUBSCRIPTION as usize] =
            slice(memory, at, SUBSCRIPTION)?.try_into().ok()?;
        let mut event = [0; EVENT as usize];
        event[..8].copy_from_slice(&subscription[..8]);
        event[10] = subscription[8];
        if subscription[8] == CLOCK {
            let due = u64::from_le_bytes(subscription[24..32].try_into().ok()?);
            state.now = if subscription[40] & ABSOLUTE == 0 {
                state.now.saturating_add(due)
            } else {
                state.now.max(due)
            };
        } else {
            event[8..10].copy_from_slice(&8_u16.to_le_bytes());
        }
        slice(
            memory,
            events.wrapping_add(index.wrapping_mul(EVENT)),
            EVENT,
        )?
        .copy_from_slice(&event);
    }
    slice(memory, stored, 4)?.copy_from_slice(&count.to_le_bytes());
    Some(())
}
