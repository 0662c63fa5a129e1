//! Runs the engine's initialisation and keeps its memory.
//!
//! The guest sees exactly the world that it sees later, under the host: what
//! it learns here is still true there.

use std::{
    pin::pin,
    task::{Poll, Waker},
};

use anyhow::{Context, Result};
use wasmtime::{Engine, OptLevel, Store};
use wasmtime_wizer::Wizer;

use crate::{
    memory::MOST,
    sandbox::{Sandbox, link},
    settings,
};

/// The guest's own warm-up, after the one of its runtime.
const WARM_UP: &str = "kcc_init";

/// The module as it is after its initialisation.
pub fn take(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut config = settings::settings();
    // It runs once: compiling it well takes longer than it runs.
    config.cranelift_opt_level(OptLevel::None);
    let engine = Engine::new(&config).map_err(anyhow::Error::msg)?;
    let mut store = Store::new(&engine, Sandbox::new(MOST));
    store.limiter(|sandbox| &mut sandbox.memory);
    store.set_epoch_deadline(1);

    let mut wizer = Wizer::new();
    wizer.init_func(WARM_UP);
    let run = block_on(wizer.run(&mut store, wasm, async |store, module| {
        link(module)?.instantiate_async(store, module).await
    }));
    let said = store.data().standard_error();
    run.map_err(anyhow::Error::msg)
        .with_context(|| format!("the engine cannot be initialised; it said: {said}"))
}

/// Nothing here waits for anything outside of this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = std::task::Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
