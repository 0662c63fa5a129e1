//! The compiled engine inside of this binary, used where it lies.
//!
//! The one place in kcc with `unsafe`. The build puts the compiled module into
//! the binary's read-only data; the system has mapped it there already, so
//! making its code executable is all that is left to do. Copying it first
//! costs 90 ms and 70 MB for each run. Where pages of a binary cannot be made
//! executable afterwards, the copy is what happens.

#![allow(unsafe_code, reason = "the compiled engine is machine code")]

use wasmtime::{Config, Engine, Module, Result};

#[repr(C, align(65536))]
struct Aligned<T: ?Sized>(T);

/// On a page of its own, for every size that pages have.
static ENGINE: &Aligned<[u8]> = &Aligned(*include_bytes!(env!("KCC_ENGINE")));

/// The engine with its runtime.
pub(super) fn load(config: &Config) -> Result<(Engine, Module)> {
    in_place::load(config, &ENGINE.0).or_else(|_| copied(config, &ENGINE.0))
}

/// Loads a compiled module by copying it.
fn copied(config: &Config, code: &[u8]) -> Result<(Engine, Module)> {
    let engine = Engine::new(config)?;
    // SAFETY: `code` is what kcc's builder wrote with the same version of
    // wasmtime, unchanged: it is part of this binary. wasmtime itself refuses
    // what another version or other settings made.
    let module = unsafe { Module::deserialize(&engine, code)? };
    Ok((engine, module))
}

/// Loads one of the test modules that the builder made beside the engine.
#[cfg(test)]
pub(super) fn load_fixture(config: &Config, code: &[u8]) -> Result<(Engine, Module)> {
    copied(config, code)
}

#[cfg(all(target_os = "linux", target_endian = "little"))]
mod in_place {
    use std::{ffi::c_void, ptr::NonNull, sync::Arc};

    use rustix::mm::{MprotectFlags, mprotect};
    use wasmtime::{Config, CustomCodeMemory, Engine, Error, Module, Result};

    /// Switches pages of this binary between readable and executable.
    struct Pages;

    impl Pages {
        fn protect(at: *const u8, len: usize, flags: MprotectFlags) -> Result<()> {
            // SAFETY: wasmtime passes the text section of the module that was
            // loaded below, which lies in pages of `ENGINE` alone: the static
            // begins at a multiple of the largest page size, and sections with
            // code begin and end at page boundaries of the file. The pages stay
            // readable and never become writable, so that no reference to
            // `ENGINE` is broken.
            unsafe { mprotect(at.cast_mut().cast::<c_void>(), len, flags) }.map_err(Error::new)
        }
    }

    impl CustomCodeMemory for Pages {
        fn required_alignment(&self) -> usize {
            rustix::param::page_size()
        }

        fn publish_executable(&self, at: *const u8, len: usize) -> Result<()> {
            Self::protect(at, len, MprotectFlags::READ | MprotectFlags::EXEC)
        }

        fn unpublish_executable(&self, at: *const u8, len: usize) -> Result<()> {
            Self::protect(at, len, MprotectFlags::READ)
        }
    }

    pub(super) fn load(config: &Config, code: &'static [u8]) -> Result<(Engine, Module)> {
        let mut config = config.clone();
        config.with_custom_code_memory(Some(Arc::new(Pages)));
        let engine = Engine::new(&config)?;
        // SAFETY: as for `copied`; moreover `code` is static and in read-only
        // memory, so it lives as long as the module and nothing changes it.
        let module = unsafe { Module::deserialize_raw(&engine, NonNull::from(code))? };
        Ok((engine, module))
    }
}

#[cfg(not(all(target_os = "linux", target_endian = "little")))]
mod in_place {
    use wasmtime::{Config, Engine, Error, Module, Result};

    pub(super) fn load(_config: &Config, _code: &'static [u8]) -> Result<(Engine, Module)> {
        Err(Error::msg(
            "pages of a binary stay as they are on this system",
        ))
    }
}
