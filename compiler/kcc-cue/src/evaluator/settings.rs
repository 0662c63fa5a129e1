//! The settings that the compiled evaluator and its runtime must agree on.
//!
//! Both the host and the builder compile this file, because a module compiled with other settings
//! is rejected when it is loaded. Settings of the compiler alone (optimisation level, target) are
//! in the builder.

use wasmtime::{Config, WasmBacktraceDetails};

/// The guest's stack. CUE reports deep input before it is used up.
pub(crate) const STACK: usize = 8 << 20;

/// Returns the shared settings.
pub(crate) fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        // wasmtime requires it to be larger than the guest's stack, even without async calls.
        .async_stack_size(2 * STACK)
        .gc_support(false)
        .wasm_backtrace_max_frames(None)
        // No backtraces into the guest: this saves a seventh of the module.
        .generate_address_map(false)
        .debug_symbols(false)
        // Otherwise an environment variable would decide.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}
