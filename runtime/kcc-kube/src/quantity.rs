//! Quantities of resources, as Kubernetes writes them.

/// Parses a quantity.
pub(crate) fn amount(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 13] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 0.001),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    for (suffix, factor) in SUFFIXES {
        if let Some(number) = text.strip_suffix(suffix) {
            return Some(number.parse::<f64>().ok()? * factor);
        }
    }
    text.parse().ok()
}

/// Formats an amount of a resource: that of a node, or one that a quota names.
pub(crate) fn shown(resource: &str, amount: f64) -> String {
    let bytes = ["memory", "storage"];
    let bytes = bytes.iter().any(|word| resource.ends_with(word));
    let (unit, factor, digits) = match amount {
        _ if !bytes => ("", 1.0, 1000.0),
        amount if amount >= 1_073_741_824.0 => ("Gi", 1_073_741_824.0, 10.0),
        _ => ("Mi", 1_048_576.0, 10.0),
    };
    let number = (amount / factor * digits).round() / digits;
    format!("{number}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_quantities() {
        for (resource, text, expected) in [
            ("memory", "1536Mi", "1.5Gi"),
            ("requests.memory", "64Mi", "64Mi"),
            ("requests.storage", "1G", "953.7Mi"),
            ("cpu", "250m", "0.25"),
            ("limits.cpu", "2", "2"),
            ("pods", "10", "10"),
        ] {
            let amount = amount(text).unwrap();
            assert_eq!(shown(resource, amount), expected, "{text}");
        }
        assert_eq!(amount("lots"), None);
    }
}
