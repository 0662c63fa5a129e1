//! [`Conflict`]: a field that another writer owns, and [`Origin`]: whose value
//! kcc would give it. The command line knows the fragments and answers for them
//! through [`Origins`]; the engine crates know nothing of them.

use kcc_model::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field that another writer owns, and the value that kcc would give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// The field, such as `deployment/web:spec.replicas`: `kcc blame` and
    /// `--take` read it.
    pub field: String,
    /// The other writer, such as `kubectl`.
    pub owner: String,
    /// The time of its last write, as the cluster tells it.
    pub since: Option<String>,
    /// Its value; none where that may be a secret.
    pub live: Option<Value>,
    /// The value of kcc; none where that may be a secret.
    pub desired: Option<Value>,
    /// Whose value that is.
    pub origin: Origin,
}

/// Whose value a field of a desired object has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "camelCase")]
pub enum Origin {
    /// A fragment states it, or something that it follows from.
    Fragment {
        /// The path of the model, such as `services.web.replicas`.
        path: String,
        /// The file, relative to the root; none where no line is known.
        file: Option<String>,
        /// The line, from 1.
        line: Option<usize>,
        /// The team that wrote it.
        team: Option<Name>,
        /// CUE that states another value in the place of this one, with
        /// [`Origin::VALUE`] where the value goes; none where the field has
        /// another form than its value in the model.
        instead: Option<String>,
    },
    /// kcc's default.
    Default,
    /// kcc needs it to recognise, protect or update what it made.
    Required,
}

/// The name of a field of an object: its kind in lower case, its name, and the
/// path, with names quoted that are not plain.
pub fn spell_field(kind: &str, name: &str, path: &[String]) -> String {
    let quoted = path.iter().map(|name| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        if !name.is_empty() && name.chars().all(plain) {
            name.clone()
        } else {
            format!("{name:?}")
        }
    });
    let path: Vec<_> = quoted.collect();
    format!("{}/{name}:{}", kind.to_lowercase(), path.join("."))
}

impl Origin {
    /// Where the value goes in [`Origin::Fragment::instead`].
    pub const VALUE: &str = "{}";
}

/// Answers whose value a field is. The command line has the fragments; the
/// engine crates know nothing of them.
pub trait Origins: Send + Sync {
    /// Whose value a field of an object is: the kind in lower case, the name,
    /// and the path to the field with elements of lists by their number.
    fn of(&self, kind: &str, name: &str, field: &[String]) -> Origin;
}

impl Conflict {
    /// The two sides, as in "`deployment/web:spec.replicas` is 3, set by `kubectl` at
    /// 2026-03-01T09:30:00Z; 2 in teams/storefront/web.cue:7 (team `storefront`)".
    pub fn message(&self) -> String {
        let value = |value: &Option<Value>| match value {
            Some(value) => format!(" {value}"),
            None => String::new(),
        };
        let is = match &self.live {
            Some(live) => format!(" is {live},"),
            None => " is".to_owned(),
        };
        let since = self.since.as_ref();
        let since = since.map_or_else(String::new, |since| format!(" at {since}"));
        let ours = match &self.origin {
            Origin::Fragment {
                path,
                file,
                line,
                team,
                ..
            } => {
                let place = match (file, line) {
                    (Some(file), Some(line)) => format!("{file}:{line}"),
                    _ => format!("`{path}`"),
                };
                let team = team.as_ref();
                let team = team.map_or_else(String::new, |team| format!(" (team `{team}`)"));
                format!("{place}{team} says{}", value(&self.desired))
            }
            Origin::Default => match &self.desired {
                Some(value) => format!("kcc's default is {value}"),
                None => "kcc has a default".to_owned(),
            },
            Origin::Required => format!("kcc needs{}", value(&self.desired)),
        };
        format!(
            "`{}`{is} set by `{}`{since}; {ours}",
            self.field, self.owner
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conflict(origin: Origin) -> Conflict {
        Conflict {
            field: "deployment/web:spec.replicas".to_owned(),
            owner: "kubectl".to_owned(),
            since: Some("2026-03-01T09:30:00Z".to_owned()),
            live: Some(json!(3)),
            desired: Some(json!(2)),
            origin,
        }
    }

    #[test]
    fn a_conflict_names_both_sides() {
        let fragment = Origin::Fragment {
            path: "services.web.replicas".to_owned(),
            file: Some("teams/storefront/web.cue".to_owned()),
            line: Some(7),
            team: Some("storefront".to_owned()),
            instead: None,
        };
        let set = "`deployment/web:spec.replicas` is 3, set by `kubectl` at 2026-03-01T09:30:00Z";
        assert_eq!(
            conflict(fragment).message(),
            format!("{set}; teams/storefront/web.cue:7 (team `storefront`) says 2")
        );
        assert_eq!(
            conflict(Origin::Default).message(),
            format!("{set}; kcc's default is 2")
        );
    }
}
