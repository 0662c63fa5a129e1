//! The compiled evaluator inside this binary, executed in place.
//!
//! This is the only module in kcc with `unsafe`. The build puts the compiled module into the
//! binary's read-only data, which the system has already mapped, so only its code needs to be made
//! executable. Copying it would cost 90 ms and 70 MB per run; it remains the fallback where pages
//! of a binary cannot be made executable.

#![allow(unsafe_code, reason = "the compiled evaluator is machine code")]

use wasmtime::{Config, Engine, Module, Result};

#[repr(C, align(65536))]
struct Aligned<T: ?Sized>(T);

/// Aligned to the largest page size.
static EVALUATOR: &Aligned<[u8]> = &Aligned(*include_bytes!(env!("KCC_EVALUATOR")));

/// Loads the evaluator.
pub(super) fn load(config: &Config) -> Result<(Engine, Module)> {
    in_place::load(config, &EVALUATOR.0).or_else(|_| copied(config, &EVALUATOR.0))
}

/// Loads a compiled module by copying it.
fn copied(config: &Config, code: &[u8]) -> Result<(Engine, Module)> {
    let engine = Engine::new(config)?;
    // SAFETY: `code` is the unchanged output of kcc's builder, written with the same version of
    // wasmtime: it is part of this binary. wasmtime itself rejects modules from other versions or
    // settings.
    let module = unsafe { Module::deserialize(&engine, code)? };
    Ok((engine, module))
}

/// Loads a test module compiled by the builder.
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
            // SAFETY: wasmtime passes the text section of the module loaded below, whose pages
            // belong to `EVALUATOR` alone: the static is aligned to the largest page size, and
            // sections with code begin and end at page boundaries of the file. The pages stay
            // readable and never become writable, so references to `EVALUATOR` stay valid.
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
        // SAFETY: as for `copied`; in addition, `code` is static and read-only, so it lives as long
        // as the module and never changes.
        let module = unsafe { Module::deserialize_raw(&engine, NonNull::from(code))? };
        Ok((engine, module))
    }
}

#[cfg(not(all(target_os = "linux", target_endian = "little")))]
mod in_place {
    use wasmtime::{Config, Engine, Error, Module, Result};

    pub(super) fn load(_config: &Config, _code: &'static [u8]) -> Result<(Engine, Module)> {
        Err(Error::msg(
            "cannot make pages of the binary executable on this system",
        ))
    }
}
