//! The memory limit of one evaluation.
//!
//! A refused `memory.grow` would only make the guest fail in a way of its own, so growing past the
//! limit ends the run with a typed error.

use wasmtime::{Error, ResourceLimiter, Result};

/// The maximum memory of a wasm module.
pub(crate) const MOST: usize = 4 << 30;

/// Far more than the guest's function table needs, far less than what would hurt.
const MOST_ELEMENTS: usize = 1 << 20;

/// The error of an evaluation that exceeded its memory limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryRefused {
    /// The limit in bytes.
    pub(crate) limit: usize,
}

impl std::fmt::Display for MemoryRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "needs more than {} bytes of memory", self.limit)
    }
}

impl std::error::Error for MemoryRefused {}

/// Ends a run that exceeds its limit.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    limit: usize,
}

impl MemoryLimit {
    /// Creates a limit in bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.min(MOST),
        }
    }

    fn refused(&self) -> Error {
        Error::new(MemoryRefused { limit: self.limit })
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        if desired > self.limit {
            Err(self.refused())
        } else {
            Ok(true)
        }
    }

    fn memory_grow_failed(&mut self, _error: Error) -> Result<()> {
        Err(self.refused())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        Ok(desired <= MOST_ELEMENTS)
    }
}
