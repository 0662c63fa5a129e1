//! Times as the lanes show them.

use jiff::Timestamp;

/// Formats a time in full seconds.
pub(super) fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
