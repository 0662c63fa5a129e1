//! The settings that the compiled engine and its runtime must agree on.
//!
//! Used by the host and, under the same text, by the builder: a module that was
//! compiled with other settings is refused when it is loaded. Whatever only the
//! compiler has (its optimisation level, the target) is set in the builder.

use wasmtime::{Config, WasmBacktraceDetails};

/// Room for the guest's own stack: CUE reports deep input by itself before it is used up.
pub(crate) const STACK: usize = 8 << 20;

/// The settings that both sides share.
pub(crate) fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        // wasmtime wants it larger than the guest's, also where nothing is awaited.
        .async_stack_size(2 * STACK)
        .gc_support(false)
        .wasm_backtrace_max_frames(None)
        // Nobody looks into the guest's own functions: a seventh of the module is saved.
        .generate_address_map(false)
        .debug_symbols(false)
        // Otherwise an environment variable decides.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}
