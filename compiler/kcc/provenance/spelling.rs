//! [`spellings`]: the short and long forms of a field's path.

use kcc_tree::Path;

/// Pairs of a short and a long spelling, relative to the component.
const SHORT_AND_LONG: [(&[&str], &[&str]); 4] = [
    (&["port"], &["ports", "http", "number"]),
    (
        &["resources", "memory"],
        &["resources", "requests", "memory"],
    ),
    (&["resources", "memory"], &["resources", "limits", "memory"]),
    (&["resources", "cpu"], &["resources", "requests", "cpu"]),
];

/// The probes that a single unnamed probe stands for.
const PROBES: [&str; 2] = ["readiness", "liveness"];

/// Returns all spellings of a path, the path itself first.
pub(super) fn spellings(path: &Path) -> Vec<Path> {
    let mut all = vec![path.clone()];
    let Some((component, below)) = path.0.split_at_checked(2) else {
        return all;
    };
    let mut add = |names: &[&str], rest: &[String]| {
        let names = names.iter().map(|name| (*name).to_owned());
        let path = Path(
            component
                .iter()
                .cloned()
                .chain(names)
                .chain(rest.iter().cloned())
                .collect(),
        );
        if !all.contains(&path) {
            all.push(path);
        }
    };
    for (short, long) in SHORT_AND_LONG {
        if let Some(rest) = stripped(below, short) {
            add(long, rest);
        }
        if let Some(rest) = stripped(below, long) {
            add(short, rest);
        }
    }
    if let [health, rest @ ..] = below
        && health == "health"
    {
        match rest {
            [probe, rest @ ..] if PROBES.contains(&probe.as_str()) => add(&["health"], rest),
            [check, ..] if check != "startup" => {
                for probe in PROBES {
                    add(&["health", probe], rest);
                }
            }
            _ => {}
        }
    }
    all
}

fn stripped<'a>(path: &'a [String], names: &[&str]) -> Option<&'a [String]> {
    let (head, rest) = path.split_at_checked(names.len())?;
    head.iter().eq(names).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(path: &str) -> Vec<String> {
        let path = Path(path.split('.').map(str::to_owned).collect());
        spellings(&path).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn short_and_long_spellings_are_symmetric() {
        for (path, expected) in [
            (
                "services.web.port",
                &["services.web.port", "services.web.ports.http.number"][..],
            ),
            (
                "services.web.ports.http.number",
                &["services.web.ports.http.number", "services.web.port"],
            ),
            (
                "backing.db.resources.memory",
                &[
                    "backing.db.resources.memory",
                    "backing.db.resources.requests.memory",
                    "backing.db.resources.limits.memory",
                ],
            ),
            (
                "services.web.health.liveness.http",
                &[
                    "services.web.health.liveness.http",
                    "services.web.health.http",
                ],
            ),
            (
                "services.web.health.startup.http",
                &["services.web.health.startup.http"],
            ),
            ("services.web", &["services.web"]),
            ("target", &["target"]),
        ] {
            assert_eq!(all(path), expected);
        }
    }
}
