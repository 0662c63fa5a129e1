//! Runs a command and measures its time and its memory.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The time between two looks at the memory of a running command.
const PAUSE: Duration = Duration::from_millis(1);

/// The cost of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) time: Duration,
    /// The peak of the resident memory in bytes.
    pub(crate) memory: u64,
}

impl Measured {
    pub(crate) fn seconds(&self) -> f64 {
        self.time.as_secs_f64()
    }

    /// Returns the cost of one command after another.
    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            time: self.time + next.time,
            memory: self.memory.max(next.memory),
        }
    }

    pub(crate) fn median(all: &[Self]) -> Self {
        let mut times: Vec<_> = all.iter().map(|one| one.time).collect();
        times.sort();
        let mut sizes: Vec<_> = all.iter().map(|one| one.memory).collect();
        sizes.sort_unstable();
        Self {
            time: times[times.len() / 2],
            memory: sizes[sizes.len() / 2],
        }
    }
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs a command, which has to succeed.
pub(crate) fn measure(command: &mut Command) -> Measured {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().unwrap();
    let id = child.id();
    // The kernel forgets the peak of a process when it ends, so another thread looks at
    // it; the one that waits measures the time.
    let looking = thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = resident(id) {
            peak = peak.max(now);
            thread::sleep(PAUSE);
        }
        peak
    });
    let status = child.wait().unwrap();
    let time = start.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    Measured {
        time,
        memory: looking.join().unwrap(),
    }
}

/// Returns the peak of the resident memory of a running process.
fn resident(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = peak.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}
