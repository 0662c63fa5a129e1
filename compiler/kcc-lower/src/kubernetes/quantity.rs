//! Formats quantities in the API server's canonical form, so that applying the same
//! amount again changes nothing.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kcc_model::{Bytes, MilliCpu};

/// Formats a size with the largest binary suffix that leaves a whole number, else
/// with the largest decimal one.
pub(super) fn size(bytes: Bytes) -> Quantity {
    let binary = scaled(bytes.0, 1024, &["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]);
    Quantity(binary.unwrap_or_else(|| decimal(bytes.0)))
}

/// Formats CPU time in whole cores if possible, else in thousandths.
pub(super) fn cpu(cpu: MilliCpu) -> Quantity {
    if cpu.0.is_multiple_of(1000) {
        Quantity(decimal(cpu.0 / 1000))
    } else {
        Quantity(format!("{}m", cpu.0))
    }
}

fn decimal(number: u64) -> String {
    scaled(number, 1000, &["k", "M", "G", "T", "P", "E"]).unwrap_or_else(|| number.to_string())
}

/// Formats a number with the largest suffix that divides it, if any.
fn scaled(number: u64, step: u64, suffixes: &[&str]) -> Option<String> {
    let mut rest = number;
    let mut found = None;
    for suffix in suffixes {
        if rest == 0 || !rest.is_multiple_of(step) {
            break;
        }
        rest /= step;
        found = Some(format!("{rest}{suffix}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_sizes_canonically() {
        for (bytes, expected) in [
            (0, "0"),
            (1, "1"),
            (512, "512"),
            (1000, "1k"),
            (1024, "1Ki"),
            (1500, "1500"),
            (1_000_000, "1M"),
            (1_024_000, "1000Ki"),
            (64 << 20, "64Mi"),
            (1 << 30, "1Gi"),
            (1536 << 20, "1536Mi"),
            (1 << 60, "1Ei"),
            (u64::MAX, "18446744073709551615"),
        ] {
            assert_eq!(size(Bytes(bytes)).0, expected, "{bytes}");
        }
    }

    #[test]
    fn formats_cpu_time_canonically() {
        for (millis, expected) in [
            (0, "0"),
            (1, "1m"),
            (500, "500m"),
            (1000, "1"),
            (1500, "1500m"),
            (2000, "2"),
            (1_000_000, "1k"),
        ] {
            assert_eq!(cpu(MilliCpu(millis)).0, expected, "{millis}");
        }
    }
}
