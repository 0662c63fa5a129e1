//! What each engine makes of each field.
use crate::lowering::Lowering;
pub(crate) fn hold(_: &mut Lowering<'_>) {}
