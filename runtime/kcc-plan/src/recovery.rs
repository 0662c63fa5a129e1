//! [`Recovery`]: the objects of a scope whose labels and names prove that kcc
//! made them although no inventory lists them.

use std::fmt;

use kcc_model::Name;
use serde::Serialize;

use crate::{Event, Reporter, Scope};

/// The result of `kcc recover`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// The scope.
    #[serde(flatten)]
    pub scope: Scope,
    /// The objects, by kind and name.
    pub objects: Vec<LabelledObject>,
    /// The generated secrets whose values were read back from running objects.
    pub secrets: Vec<Name>,
    /// The generated secrets that unlock existing data and whose values are lost:
    /// an apply refuses to generate new ones.
    pub lost_secrets: Vec<Name>,
}

impl Recovery {
    /// Returns the objects that recovery adds to the inventory.
    pub fn recoverable(&self) -> impl Iterator<Item = &LabelledObject> {
        self.objects.iter().filter(|object| object.is_recoverable())
    }
}

/// One object that carries the labels of the scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelledObject {
    /// The kind of the object.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The component that it belongs to; none for shared objects.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// True if the inventory lists it already.
    pub recorded: bool,
    /// The reason to leave it alone; none if it is provably kcc's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

impl LabelledObject {
    /// Returns true if kcc made it and no record lists it: recovery adds it to the
    /// inventory.
    pub fn is_recoverable(&self) -> bool {
        !self.recorded && self.doubt.is_none()
    }

    /// Reports an object that stays because it only carries the labels of the scope.
    pub fn report_doubt(&self, reporter: &dyn Reporter) {
        if let Some(doubt) = &self.doubt {
            let text = &format!("kept {self}, which carries the target's labels: {doubt}");
            reporter.event(&Event::Note { text });
        }
    }
}

impl fmt::Display for LabelledObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)
    }
}

/// Joins the names of some objects: the first few, and the number of others.
pub fn listed<T: fmt::Display>(objects: impl IntoIterator<Item = T>) -> String {
    const FEW: usize = 5;
    let all: Vec<String> = objects.into_iter().map(|one| one.to_string()).collect();
    let others = match all.len().saturating_sub(FEW) {
        0 => String::new(),
        1 => " and 1 other object".to_owned(),
        count => format!(" and {count} other objects"),
    };
    format!("{}{others}", all[..all.len().min(FEW)].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_a_few_and_counts_the_others() {
        assert_eq!(listed(["a"]), "a");
        assert_eq!(listed(["a", "b", "c", "d", "e"]), "a, b, c, d, e");
        assert_eq!(listed(0..6), "0, 1, 2, 3, 4 and 1 other object");
        assert_eq!(listed(0..9), "0, 1, 2, 3, 4 and 4 other objects");
    }
}
