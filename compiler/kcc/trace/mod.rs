//! Who is behind a value: the lines that contribute to it, what each of them
//! does there, and the commits that they came with.
//!
//! Everything is read from the evaluated tree; only [`git`] asks somebody else.

mod difference;
pub mod git;
mod given;
mod line;
mod object;
mod origin;
mod place;
mod spelling;
mod value;

pub use difference::{Difference, Side, differences};
pub use given::given;
pub use line::{Effect, Line, Role};
pub use object::{Field, Followed, UNKNOWN, no_object, rendered};
pub use origin::FragmentOrigins;
pub use place::{Place, unknown};
pub use value::{Traced, trace};
