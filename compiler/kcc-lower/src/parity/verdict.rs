//! [`Verdict`]: the treatment of a field by an engine.

use kcc_tree::schema;
use serde::Serialize;

/// The way an engine honours a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "verdict", content = "because")]
pub enum Verdict {
    /// The engine honours it natively.
    Honoured,
    /// kcc approximates it; contains how.
    Emulated(&'static str),
    /// Dropped because it does not apply to the engine, and the component cannot
    /// tell; contains the reason.
    DroppedByNature(&'static str),
    /// Dropped although the component would notice; contains the reason.
    Dropped(&'static str),
}

impl From<&'static schema::Verdict> for Verdict {
    fn from(verdict: &'static schema::Verdict) -> Self {
        match verdict {
            schema::Verdict::Emulated(how) => Self::Emulated(how),
            schema::Verdict::DroppedByNature(why) => Self::DroppedByNature(why),
            schema::Verdict::Dropped(why) => Self::Dropped(why),
        }
    }
}

impl Verdict {
    /// Returns the name: `honoured`, `emulated`, `dropped by nature` or `dropped`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Emulated(_) => "emulated",
            Self::DroppedByNature(_) => "dropped by nature",
            Self::Dropped(_) => "dropped",
        }
    }

    /// Returns the text that explains an approximation or a drop.
    pub fn because(self) -> Option<&'static str> {
        match self {
            Self::Honoured => None,
            Self::Emulated(why) | Self::DroppedByNature(why) | Self::Dropped(why) => Some(why),
        }
    }
}
