//! [`Sources`]: the sources of the fields of one object.

use std::{borrow::Cow, collections::BTreeMap, ops::Bound};

use kcc_tree::Path;
use serde::{Deserialize, Serialize};

/// The source of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The first of these model paths that a fragment declares.
    Model(Vec<Path>),
    /// Set by kcc; contains the reason.
    Kcc(Cow<'static, str>),
}

/// The sources of the fields of one object, by their path in it. What is recorded
/// for a field holds for everything below it that has no source of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources(BTreeMap<Path, Recorded>);

/// The record of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Recorded {
    /// A source of the field and of everything below it.
    Whole(Source),
    /// Model paths with the same fields below them as the field has, and the paths
    /// to use if none of those is declared.
    Alike(Vec<Path>, Vec<Path>),
}

impl Sources {
    /// Returns the source of a field; none if nothing was recorded.
    pub fn of(&self, field: &Path) -> Option<Source> {
        let names = &field.0;
        let (length, recorded) = (0..=names.len())
            .rev()
            .find_map(|length| Some((length, self.0.get(&names[..length])?)))?;
        Some(match recorded {
            Recorded::Whole(source) => source.clone(),
            Recorded::Alike(paths, otherwise) => {
                let rest = &names[length..];
                let below = |path: &Path| Path([&path.0[..], rest].concat());
                let paths = paths.iter().map(below);
                Source::Model(paths.chain(otherwise.iter().cloned()).collect())
            }
        })
    }

    /// Records a field, in place of what was recorded for it and below it.
    pub(super) fn insert(&mut self, field: Vec<String>, recorded: Recorded) {
        self.forget(&field);
        self.0.insert(Path(field), recorded);
    }

    /// Copies what an earlier record says about a field and what is below it.
    pub(super) fn restore(&mut self, field: &[String], earlier: &Self) {
        let found = earlier.of(&Path(field.to_vec())).map(Recorded::Whole);
        self.forget(field);
        let above = found.map(|recorded| (Path(field.to_vec()), recorded));
        let below = earlier.below(field);
        let below = below.map(|(known, recorded)| (known.clone(), recorded.clone()));
        self.0.extend(above.into_iter().chain(below));
    }

    fn forget(&mut self, field: &[String]) {
        let below: Vec<_> = self.below(field).map(|(known, _)| known.clone()).collect();
        for known in below {
            self.0.remove(&known.0[..]);
        }
    }

    /// Returns the records of a field and of what is below it, which are neighbours
    /// in the map.
    fn below(&self, field: &[String]) -> impl Iterator<Item = (&Path, &Recorded)> {
        self.0
            .range::<[String], _>((Bound::Included(field), Bound::Unbounded))
            .take_while(move |(known, _)| known.0.starts_with(field))
    }
}
