//! [`Clock`]: the engine's time, by which a container's age is measured. The
//! client's clock may differ, so only its steady progress is used.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The engine's time since 1970, read at one moment of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    engine: Duration,
    read: Instant,
}

impl Clock {
    /// Starts from a time the engine has just reported. Without one it starts in
    /// the distant future, so that everything counts as old.
    pub(crate) fn start(time: Option<&str>) -> Self {
        Self {
            engine: time.and_then(since_epoch).unwrap_or(Duration::MAX / 2),
            read: Instant::now(),
        }
    }

    /// Returns the engine's time since 1970.
    pub(crate) fn now(&self) -> Duration {
        self.engine + self.read.elapsed()
    }

    /// Returns the time since an event that the engine dated.
    pub(crate) fn elapsed_since(&self, time: &str) -> Duration {
        self.now()
            .saturating_sub(since_epoch(time).unwrap_or_default())
    }
}

/// Parses RFC 3339, as in `2026-01-02T03:04:05.678Z` or `…+02:00`.
fn since_epoch(text: &str) -> Option<Duration> {
    let time: Timestamp = text.parse().ok()?;
    Duration::try_from(time.duration_since(Timestamp::UNIX_EPOCH)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_of_engines() {
        let parse = |text| since_epoch(text).map(|time| time.as_millis());
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2000-02-29T00:00:00.5Z"), Some(951_782_400_500));
        assert_eq!(
            parse("2026-11-24T05:20:00.123456789Z"),
            Some(1_795_497_600_123)
        );
        assert_eq!(
            parse("2026-11-24T07:20:00+02:00"),
            parse("2026-11-24T05:20:00Z")
        );
        assert_eq!(
            parse("2026-11-23T22:50:00.000000001-06:30"),
            parse("2026-11-24T05:20:00Z")
        );
        // Docker reports Go's zero time for a container that never started.
        assert_eq!(parse("0001-01-01T00:00:00Z"), None);
        assert_eq!(parse("yesterday"), None);
    }

    #[test]
    fn measures_from_the_time_the_engine_reported() {
        let clock = Clock::start(Some("2026-11-24T05:20:00Z"));
        let elapsed = clock.elapsed_since("2026-11-24T05:19:58Z");
        assert!((2..10).contains(&elapsed.as_secs()), "{elapsed:?}");
        // Without the engine's time, nothing may look fresh.
        let elapsed = Clock::start(None).elapsed_since("2026-11-24T05:19:58Z");
        assert!(elapsed.as_secs() > 86_400, "{elapsed:?}");
    }
}
