//! The provenance of values: the lines of fragments behind a value, the effect of
//! each, and the commits that introduced them. `kcc blame`, `kcc diff` and the
//! origins of fields in a plan are views of it.
//!
//! Takes the evaluated configuration tree, the model and the desired state. Only
//! [`git`] reads anything else: it runs `git`.

mod commits;
mod declared;
mod difference;
mod field_path;
mod fragment_origins;
mod fragment_record;
mod git;
mod inferred;
mod line;
mod live;
mod object;
mod recorded;
mod spelling;
mod value;

pub use commits::annotate;
pub use declared::Declared;
pub use difference::{Difference, Side, differences};
pub use field_path::{FieldPath, unknown_path};
pub use fragment_origins::FragmentOrigins;
pub use fragment_record::FragmentRecord;
pub use git::{Commit, checkout};
pub use inferred::{inferred_variables, withheld_url};
pub use line::{Effect, Line, LineKind};
pub use live::{LiveDifference, live_differences};
pub use object::{Field, FieldBlame, UNKNOWN_SOURCE, blame_object, unknown_object_in};
pub use recorded::{RecordedCommits, RecordedOrigins, Restored, RolledBack};
pub use spelling::spellings;
pub use value::{ValueBlame, blame_value};
