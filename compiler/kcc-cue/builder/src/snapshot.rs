//! Runs the evaluator's initialisation and stores its memory in the module.
//!
//! The guest runs in the same sandbox as later in the host, so what it learns here stays true.

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

/// The guest's own warm-up, run after that of its runtime.
const WARM_UP: &str = "kcc_init";

/// Returns the module in its state after the initialisation.
pub fn take(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut config = settings::settings();
    // It runs once: optimising it would take longer than running it.
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
    let output = store.data().standard_error();
    run.map_err(anyhow::Error::msg)
        .with_context(|| format!("cannot initialise the evaluator: {output}"))
}

/// Polls a future that never waits for another thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = std::task::Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
