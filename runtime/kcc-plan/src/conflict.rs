//! [`Conflict`]: a field that another field manager owns; [`Origin`]: where kcc's
//! value for it comes from. Origins are looked up through [`Origins`], which the
//! command line implements; the engine crates know nothing of fragments.

use kcc_model::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field that another field manager owns, with its value and kcc's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// The field, such as `deployment/web:spec.replicas`; `kcc blame` and
    /// `--take` accept this form.
    pub field: String,
    /// The other field manager, such as `kubectl`.
    pub owner: String,
    /// The time of its last write, as the cluster records it.
    pub since: Option<String>,
    /// The live value; none if it may be a secret.
    pub live: Option<Value>,
    /// kcc's value; none if it may be a secret.
    pub desired: Option<Value>,
    /// The origin of kcc's value.
    pub origin: Origin,
}

/// The origin of a value in a desired object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "camelCase")]
pub enum Origin {
    /// A fragment sets it, or sets what it is derived from.
    Fragment {
        /// The model path, such as `services.web.replicas`.
        path: String,
        /// The file, relative to the root; none if no line is known.
        file: Option<String>,
        /// The line, counted from 1.
        line: Option<usize>,
        /// The team that wrote it.
        team: Option<Name>,
        /// CUE that sets another value instead, with [`Origin::VALUE`] where the
        /// value goes; none if the field and the model hold different forms of
        /// the value.
        instead: Option<String>,
    },
    /// kcc's default.
    Default,
    /// kcc needs the value to recognise, protect or update its objects.
    Required,
}

/// Formats a reference to an object's field: the kind in lower case, the name and
/// the path, whose elements are quoted unless they are plain identifiers.
pub fn format_field(kind: &str, name: &str, path: &[String]) -> String {
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
    /// The placeholder for the value in [`Origin::Fragment::instead`].
    pub const VALUE: &str = "{}";
}

/// Looks up the origin of a desired object's field. Implemented by the command
/// line, which has the fragments.
pub trait Origins: Send + Sync {
    /// Returns the origin of a field. The kind is in lower case; elements of
    /// lists in `field` are addressed by index.
    fn of(&self, kind: &str, name: &str, field: &[String]) -> Origin;
}

impl Conflict {
    /// Describes both sides, as in "`deployment/web:spec.replicas` is 3, set by `kubectl` at
    /// 2026-03-01T09:30:00Z; teams/storefront/web.cue:7 (team `storefront`) declares 2".
    pub fn message(&self) -> String {
        let value = |value: &Option<Value>| match value {
            Some(value) => format!(" {value}"),
            None => " another value".to_owned(),
        };
        let is = match &self.live {
            Some(live) => format!(" is {live},"),
            None => " is".to_owned(),
        };
        let since = self.since.as_ref();
        let since = since.map_or_else(String::new, |since| format!(" at {since}"));
        let owned = match &self.origin {
            Origin::Fragment {
                path,
                file,
                line,
                team,
                ..
            } => {
                let location = match (file, line) {
                    (Some(file), Some(line)) => format!("{file}:{line}"),
                    _ => format!("`{path}`"),
                };
                let team = team.as_ref();
                let team = team.map_or_else(String::new, |team| format!(" (team `{team}`)"));
                format!("{location}{team} declares{}", value(&self.desired))
            }
            Origin::Default => match &self.desired {
                Some(value) => format!("kcc's default is {value}"),
                None => "kcc has a default".to_owned(),
            },
            Origin::Required => format!("kcc requires{}", value(&self.desired)),
        };
        format!(
            "`{}`{is} set by `{}`{since}; {owned}",
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
    fn message_names_both_sides() {
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
            format!("{set}; teams/storefront/web.cue:7 (team `storefront`) declares 2")
        );
        assert_eq!(
            conflict(Origin::Default).message(),
            format!("{set}; kcc's default is 2")
        );
    }
}
