//! [`spellings`]: the short and long forms of a field's path.

use std::{collections::BTreeSet, slice, sync::LazyLock};

use kcc_tree::{
    Path,
    schema::{Definition, Schema, references},
};

/// A short and a long spelling, relative to the component.
type Pair = (Vec<String>, Vec<String>);

static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    let schema = Schema::get();
    let mut pairs = Vec::new();
    let root = schema.definition("Root").into_iter();
    let components = root.flat_map(|root| &root.fields).filter(|f| f.component);
    for component in components.flat_map(|field| references(&field.of)) {
        for (above, definition) in with_structs(schema, component) {
            collect(&above, definition, &mut pairs);
        }
    }
    let mut known = BTreeSet::new();
    pairs.retain(|pair| known.insert(pair.clone()));
    pairs
});

/// Lists a definition and those of its fields that are structs of their own.
fn with_structs(schema: &'static Schema, name: &str) -> Vec<(Vec<String>, &'static Definition)> {
    let Some(definition) = schema.definition(name) else {
        return Vec::new();
    };
    let structs = definition.fields.iter().filter_map(|field| {
        let inner = schema.definition(field.of.strip_prefix('#')?)?;
        Some((vec![field.name.clone()], inner))
    });
    structs.chain([(Vec::new(), definition)]).collect()
}

fn collect(above: &[String], definition: &Definition, pairs: &mut Vec<Pair>) {
    let below = |names: &[String]| [above, names].concat();
    for field in &definition.fields {
        for long in field.long_spellings() {
            pairs.push((below(slice::from_ref(&field.name)), below(&long)));
        }
        for whole in &field.stands_in {
            // The struct itself stands for its parts that have no name.
            pairs.push((above.to_vec(), below(slice::from_ref(whole))));
        }
    }
}

/// Returns all spellings of a path, the path itself first.
pub fn spellings(path: &Path) -> Vec<Path> {
    let mut all = vec![path.clone()];
    let Some((component, below)) = path.0.split_at_checked(2) else {
        return all;
    };
    let mut add = |names: &[String], rest: &[String]| {
        let path = Path([component, names, rest].concat());
        if !all.contains(&path) {
            all.push(path);
        }
    };
    for (short, long) in PAIRS.iter() {
        if let Some(rest) = stripped(below, long) {
            if rest.is_empty() || !long.starts_with(short) {
                add(short, rest);
            }
        } else if let Some(rest) = stripped(below, short)
            && !long.starts_with(short)
        {
            add(long, rest);
        }
    }
    all
}

fn stripped<'a>(path: &'a [String], names: &[String]) -> Option<&'a [String]> {
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
