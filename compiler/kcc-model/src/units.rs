//! Quantities of the model: sizes, CPU time and durations, normalised.
//!
//! Parsing is strict: text that is almost a quantity is rejected with a suggested
//! spelling and never guessed at.

use serde::{Deserialize, Serialize};

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// CPU time, in thousandths of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MilliCpu(pub u64);

/// A duration in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

/// The error of a text that is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadQuantity {
    /// The expected form, such as "a size such as `128Mi`".
    pub expected: &'static str,
    /// The help: a spelling to use instead.
    pub help: String,
}

const SIZE: &str = "a size such as `128Mi`";
const CPU: &str = "CPU time such as `500m` or `0.5`";
const DURATION: &str = "a duration such as `10s`";

/// The amount, in thousandths of a core, above which a number without a suffix
/// is taken for a forgotten `m`.
const MANY_CORES: u64 = 100_000;

/// Size suffixes and their factors.
const SIZES: [(&str, u64); 13] = [
    ("", 1),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
];

/// Duration suffixes and their milliseconds. `ms` has to come before `m`.
const DURATIONS: [(&str, u64); 4] = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

impl Bytes {
    /// Parses a size: a number with a binary (`Ki`, `Mi`, …), a decimal (`k`,
    /// `M`, …) or no suffix.
    pub fn parse(text: &str) -> Result<Self, BadQuantity> {
        let (number, suffix) = split(text);
        let factor = SIZES
            .iter()
            .find(|(name, _)| *name == suffix)
            .map(|(_, factor)| *factor);
        let bytes = factor.and_then(|factor| scaled(number, factor));
        bytes.map(Self).ok_or_else(|| BadQuantity {
            expected: SIZE,
            help: size_help(number, suffix),
        })
    }
}

impl MilliCpu {
    /// Parses CPU time: cores as a decimal number, or thousandths of a core with
    /// the suffix `m`. Rejects a number of cores so large that the suffix must
    /// be missing.
    pub fn parse(text: &str) -> Result<Self, BadQuantity> {
        let (number, suffix) = split(text);
        let milli = match suffix {
            "" => scaled(number, 1_000),
            "m" => scaled(number, 1),
            _ => None,
        };
        if let Some(milli) = milli.filter(|milli| suffix.is_empty() && *milli >= MANY_CORES) {
            let thousandths = number.split('.').next().unwrap_or(number);
            return Err(BadQuantity {
                expected: CPU,
                help: format!(
                    "write `{thousandths}m` for thousandths of a core, or `{milli}m` for {number} cores"
                ),
            });
        }
        milli.map(Self).ok_or_else(|| BadQuantity {
            expected: CPU,
            help: if number.is_empty() {
                "write cores as a number (`0.5`) or thousandths of a core (`500m`)".to_owned()
            } else if suffix.trim() == "m" {
                format!("write `{number}m`")
            } else if finer_than_milli(number, suffix) {
                "write `1m` or more: a thousandth of a core is the smallest amount".to_owned()
            } else {
                format!("write `{number}` for cores or `{number}m` for thousandths of a core")
            },
        })
    }
}

impl Millis {
    /// Parses a duration: one or more numbers, each with one of `h`, `m`, `s`,
    /// `ms`, larger units first (`1m30s`).
    pub fn parse(text: &str) -> Result<Self, BadQuantity> {
        let bad = || BadQuantity {
            expected: DURATION,
            help: duration_help(text),
        };
        let mut rest = text;
        let mut total: u64 = 0;
        let mut last = u64::MAX;
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let (number, after) = split(rest);
            let (suffix, factor) = DURATIONS
                .iter()
                .find(|(suffix, _)| after.starts_with(suffix))
                .copied()
                .ok_or_else(bad)?;
            let part = scaled(number, factor)
                .filter(|_| factor < last)
                .ok_or_else(bad)?;
            total = total.checked_add(part).ok_or_else(bad)?;
            last = factor;
            rest = &after[suffix.len()..];
        }
        Ok(Self(total))
    }
}

/// Splits a text into its leading number and the rest.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Multiplies a decimal number by a factor, if the product is a whole `u64`.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    if whole.is_empty() || fraction.len() > 18 || fraction.contains('.') {
        return None;
    }
    let base = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let digits = whole.parse::<u128>().ok()?.checked_mul(base)?
        + if fraction.is_empty() {
            0
        } else {
            fraction.parse::<u128>().ok()?
        };
    let product = digits.checked_mul(u128::from(factor))?;
    if product % base == 0 {
        u64::try_from(product / base).ok()
    } else {
        None
    }
}

fn finer_than_milli(number: &str, suffix: &str) -> bool {
    number.parse::<f64>().is_ok() && matches!(suffix, "" | "m")
}

/// Suggests the nearest spelling of a size: `128mb` → `128M` or `128Mi`.
fn size_help(number: &str, suffix: &str) -> String {
    let letter = suffix
        .trim_start()
        .chars()
        .next()
        .map(|c| c.to_ascii_uppercase());
    let known = letter.filter(|letter| "KMGTPE".contains(*letter));
    match known {
        Some(letter) if !number.is_empty() && scaled(number, 1 << 10).is_some() => {
            let decimal = if letter == 'K' { 'k' } else { letter };
            format!(
                "write `{number}{decimal}` (powers of 1000) or `{number}{letter}i` (powers of 1024)"
            )
        }
        _ => "write a number of bytes with a suffix: `k`, `M`, `G` or `Ki`, `Mi`, `Gi`".to_owned(),
    }
}

fn duration_help(text: &str) -> String {
    let (number, suffix) = split(text);
    let unit = match suffix.trim().to_ascii_lowercase().as_str() {
        "" | "sec" | "secs" | "second" | "seconds" => Some("s"),
        "min" | "mins" | "minute" | "minutes" => Some("m"),
        "hour" | "hours" | "hr" | "hrs" => Some("h"),
        "msec" | "millis" | "milliseconds" => Some("ms"),
        _ => None,
    };
    match unit {
        Some(unit) if scaled(number, 1_000).is_some() => format!("write `{number}{unit}`"),
        _ => "write numbers with `h`, `m`, `s` or `ms`, such as `1m30s`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_sizes() {
        assert_eq!(Bytes::parse("128Mi"), Ok(Bytes(134_217_728)));
        assert_eq!(Bytes::parse("1.5Gi"), Ok(Bytes(1_610_612_736)));
        assert_eq!(Bytes::parse("128M"), Ok(Bytes(128_000_000)));
        assert_eq!(Bytes::parse("4096"), Ok(Bytes(4096)));
        assert_eq!(Bytes::parse("0"), Ok(Bytes(0)));
    }

    #[test]
    fn suggests_a_spelling_for_malformed_sizes() {
        let help = |text| Bytes::parse(text).unwrap_err().help;
        assert_eq!(
            help("128mb"),
            "write `128M` (powers of 1000) or `128Mi` (powers of 1024)"
        );
        assert_eq!(
            help("2 gb"),
            "write `2G` (powers of 1000) or `2Gi` (powers of 1024)"
        );
        assert_eq!(
            help("1K"),
            "write `1k` (powers of 1000) or `1Ki` (powers of 1024)"
        );
        for text in [
            "",
            "Mi",
            "-1Mi",
            "1.Mi",
            ".5Gi",
            "0.3",
            "1e3",
            "99999999999999Ei",
            "1..2Mi",
        ] {
            assert!(Bytes::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parses_cpu_time() {
        assert_eq!(MilliCpu::parse("500m"), Ok(MilliCpu(500)));
        assert_eq!(MilliCpu::parse("0.5"), Ok(MilliCpu(500)));
        assert_eq!(MilliCpu::parse("2"), Ok(MilliCpu(2000)));
        assert_eq!(
            MilliCpu::parse("2 cores").unwrap_err().help,
            "write `2` for cores or `2m` for thousandths of a core"
        );
        assert!(
            MilliCpu::parse("0.0001")
                .unwrap_err()
                .help
                .contains("smallest")
        );
        assert!(MilliCpu::parse("half").is_err());
    }

    #[test]
    fn parses_durations() {
        assert_eq!(Millis::parse("10s"), Ok(Millis(10_000)));
        assert_eq!(Millis::parse("1m30s"), Ok(Millis(90_000)));
        assert_eq!(Millis::parse("500ms"), Ok(Millis(500)));
        assert_eq!(Millis::parse("1.5h"), Ok(Millis(5_400_000)));
        assert_eq!(Millis::parse("10").unwrap_err().help, "write `10s`");
        assert_eq!(Millis::parse("5 min").unwrap_err().help, "write `5m`");
        for text in ["", "s", "30s1m", "10s10s", "1d", "-1s"] {
            assert!(Millis::parse(text).is_err(), "{text}");
        }
    }
}
