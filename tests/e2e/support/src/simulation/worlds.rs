//! [`simulate`]: runs many worlds on all processors, and shows the seeds of
//! those that are wrong.

use std::{
    collections::BTreeMap,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use super::{engine::SimulatedEngine, mistake::Mistake, world::run};

/// The worlds of a short run, which are always the same.
const WORLDS: u64 = 400;
/// The most wrong worlds that a run shows.
const SHOWN: usize = 6;

/// Runs worlds. `KCC_SEED` asks for the one of a seed, `KCC_WORLDS` for that many with
/// seeds that nobody has tried; by default a few run, always the same.
///
/// # Errors
///
/// The seed of a world that is wrong, and why.
pub fn simulate<E: SimulatedEngine>(engine: &str, mistake: Mistake) -> Result<(), String> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let (first, worlds) = match (number("KCC_SEED"), number("KCC_WORLDS")) {
        _ if mistake != Mistake::None => (0, WORLDS),
        (Some(seed), _) => (seed, 1),
        (None, Some(worlds)) => (unused_seed(), worlds),
        (None, None) => (0, WORLDS),
    };
    let begin = Instant::now();
    let next = AtomicU64::new(0);
    // One world of each kind: the first line without its numbers.
    let found: Mutex<BTreeMap<String, String>> = Mutex::default();
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let shown = found.lock().map_or(SHOWN, |found| found.len());
            if index >= worlds || shown >= SHOWN || (mistake != Mistake::None && shown > 0) {
                return;
            }
            let seed = first.wrapping_add(index);
            let done = catch_unwind(AssertUnwindSafe(|| run::<E>(seed, mistake)));
            let done = done.unwrap_or_else(|_| Err("it panicked".to_owned()));
            if let (Err(why), Ok(mut found)) = (done, found.lock()) {
                let kind = why.lines().next().unwrap_or_default();
                let kind = kind.replace(|digit: char| digit.is_ascii_digit(), "");
                let text = format!("KCC_SEED={seed}: {why}");
                found.entry(kind).or_insert(text);
            }
        }
    };
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..processors {
            scope.spawn(work);
        }
    });
    if mistake == Mistake::None {
        let elapsed = begin.elapsed();
        eprintln!("{engine}: {worlds} worlds from seed {first} in {elapsed:.1?}");
    }
    let found = found.into_inner().unwrap_or_default();
    let texts: Vec<_> = found.into_values().collect();
    if texts.is_empty() {
        Ok(())
    } else {
        Err(texts.join("\n\n"))
    }
}

fn unused_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() << 24)
}
