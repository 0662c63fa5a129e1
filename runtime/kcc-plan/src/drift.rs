//! [`DriftReport`]: the differences between the live objects of a scope and the desired
//! ones, each with a verdict and its evidence. Both engines make it of the comparison
//! that a plan is made of; `kcc drift`, `kcc diff … live` and `kcc blame live:` show it.

use jiff::Timestamp;
use kcc_diag::Code;
use kcc_model::Name;
use kcc_tree::Engine;
use serde::Serialize;

use crate::{FieldChange, Scope};

/// The differences between the desired and the live objects of a scope.
#[derive(Debug, Clone)]
pub struct DriftReport {
    /// The scope.
    pub scope: Scope,
    /// The engine.
    pub engine: Engine,
    /// The differences, by object and field.
    pub deviations: Vec<Deviation>,
    /// The time of the engine's clock, as far as the engine tells.
    pub now: Timestamp,
    /// True if [`DriftOptions::audit`] is something else than an audit log.
    pub has_no_audit_log: bool,
}

/// One difference: a field, or a whole object.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// The kind of difference.
    pub verdict: Verdict,
    /// The kind of the object, such as `container` or `Deployment`.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The component that it belongs to; none for shared objects.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// The field with both values; none for the whole object.
    pub change: Option<FieldChange>,
    /// The difference in a few words, if the values do not tell it.
    pub cause: Option<String>,
    /// The field by which an apply can be told to take the value over.
    pub take: Option<String>,
    /// The evidence of who changed it, and when.
    pub evidence: Evidence,
}

impl Deviation {
    /// Creates a difference in a whole object, without evidence.
    pub fn new(verdict: Verdict, kind: &str, name: &str) -> Self {
        Self {
            verdict,
            kind: kind.to_owned(),
            name: name.to_owned(),
            component: None,
            team: None,
            change: None,
            cause: None,
            take: None,
            evidence: Evidence::default(),
        }
    }

    /// Returns true if two reports have the same difference, with any values.
    pub fn is_same(&self, other: &Self) -> bool {
        let path = |one: &Self| one.change.as_ref().map(|change| change.path.clone());
        (self.verdict, &self.kind, &self.name) == (other.verdict, &other.kind, &other.name)
            && path(self) == path(other)
    }
}

/// The kinds of differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// A field has another value, or none.
    Edited,
    /// The object is gone.
    Deleted,
    /// Another object has its name: the one that kcc made is gone.
    Recreated,
    /// The object is there and does not work: it exited, failed, or lost its image.
    Decayed,
    /// The same reference to an image leads to another image.
    ImageMoved,
    /// The last apply failed, or was killed, before it got there.
    Unfinished,
    /// The object carries kcc's labels, or uses its networks, and no record lists it.
    Added,
    /// The comparison was not possible.
    Unknown,
    /// An autoscaler set the number of replicas; not drift.
    Scaled,
    /// Another field manager had set a value for which kcc only has a default before the
    /// last apply, which left it; not drift.
    Yielded,
}

impl Verdict {
    /// Returns the verdict as text shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Deleted => "deleted",
            Self::Recreated => "recreated",
            Self::Decayed => "decayed",
            Self::ImageMoved => "image moved",
            Self::Unfinished => "unfinished apply",
            Self::Added => "added",
            Self::Unknown => "unknown",
            Self::Scaled => "scaled by an autoscaler",
            Self::Yielded => "left to its owner",
        }
    }

    /// Returns the code under which the formats for CI report it.
    pub fn code(self) -> Code {
        match self {
            Self::Edited => Code::DriftEdited,
            Self::Deleted => Code::DriftDeleted,
            Self::Recreated => Code::DriftRecreated,
            Self::Decayed => Code::DriftDecayed,
            Self::ImageMoved => Code::DriftImageMoved,
            Self::Unfinished => Code::DriftUnfinished,
            Self::Added => Code::DriftAdded,
            Self::Unknown | Self::Scaled | Self::Yielded => Code::DriftUnknown,
        }
    }

    /// Returns true for drift, and for what may be.
    pub fn is_drift(self) -> bool {
        !matches!(self, Self::Scaled | Self::Yielded)
    }
}

/// The strength of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Grade {
    /// The engine, its audit log or kcc's own record says so.
    Proved,
    /// A client says so itself, under a name of its own choice.
    SelfDeclared,
    /// Nothing says so.
    #[default]
    Unknown,
}

impl Grade {
    /// Returns the grade as text shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::SelfDeclared => "self-declared",
            Self::Unknown => "unknown",
        }
    }
}

/// The evidence of who made a change, and when. Whatever is unknown is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Its strength.
    pub grade: Grade,
    /// Its source, such as `audit log`, `engine event` or `field manager`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
    /// The action, such as the verb of a request or the name of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The account or person. Only an audit log and kcc's record prove it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The field manager: a name that a client chose, never a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// The time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The program that made the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The address that the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// The limits of what it proves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The name of a field manager, as evidence.
pub const FIELD_MANAGER: &str = "field manager";
/// An event of the engine, as evidence.
pub const ENGINE_EVENT: &str = "engine event";
/// The API server's audit log, as evidence.
pub const AUDIT_LOG: &str = "audit log";

/// Options of a look for drift.
#[derive(Debug, Clone, Default)]
pub struct DriftOptions {
    /// The time since which to look for evidence, which takes further requests: nothing
    /// before it made a difference.
    pub evidence_since: Option<Timestamp>,
    /// The lines of the API server's audit log.
    pub audit: Option<String>,
    /// Shows the live values of variables, commands and arguments too, unless they are
    /// secrets or look like one.
    pub edited_values: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_compared_counts_as_drift() {
        assert!(Verdict::Unknown.is_drift());
        assert!(!Verdict::Scaled.is_drift() && !Verdict::Yielded.is_drift());
    }

    #[test]
    fn each_verdict_on_drift_has_a_code() {
        for (verdict, code) in [
            (Verdict::Edited, "kcc::drift::edited"),
            (Verdict::Deleted, "kcc::drift::deleted"),
            (Verdict::Recreated, "kcc::drift::recreated"),
            (Verdict::Decayed, "kcc::drift::decayed"),
            (Verdict::ImageMoved, "kcc::drift::image-moved"),
            (Verdict::Unfinished, "kcc::drift::unfinished"),
            (Verdict::Added, "kcc::drift::added"),
            (Verdict::Unknown, "kcc::drift::unknown"),
        ] {
            assert_eq!(verdict.code().as_str(), code);
        }
    }

    #[test]
    fn a_difference_is_the_same_with_another_value() {
        let deviation = |path: &str, live: i64| Deviation {
            change: Some(FieldChange {
                path: path.to_owned(),
                live: Some(live.into()),
                desired: None,
            }),
            ..Deviation::new(Verdict::Edited, "Deployment", "web")
        };
        let one = deviation("spec.replicas", 3);
        assert!(one.is_same(&deviation("spec.replicas", 4)));
        assert!(!one.is_same(&deviation("spec.paused", 3)));
    }
}
