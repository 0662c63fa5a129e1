//! [`Clock`]: the engine's time, by which a container's age is measured. The
//! client's clock may differ, so only its steady progress is used.

use std::time::{Duration, Instant};

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
    let (date, rest) = text.split_once('T')?;
    let end = rest.find(['Z', '+', '-'])?;
    let (clock, zone) = rest.split_at(end);
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = whole.splitn(3, ':').map(str::parse::<i64>);
    let seconds = parts.next()?.ok()? * 3600 + parts.next()?.ok()? * 60 + parts.next()?.ok()?;
    let offset = if zone.starts_with('Z') {
        0
    } else {
        let (hours, minutes) = zone.get(1..)?.split_once(':')?;
        let offset = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
        if zone.starts_with('-') {
            -offset
        } else {
            offset
        }
    };
    // Years that begin in March put the leap day at their end.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = u64::try_from(days * 86_400 + seconds - offset).ok()?;
    let nanos = format!("{fraction:0<9.9}").parse().ok()?;
    Some(Duration::new(seconds, nanos))
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
