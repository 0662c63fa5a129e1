//! [`FaultAction`]: a fault that is injected into a copy of a system on purpose.

use serde::Serialize;

/// A fault of a component's containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultAction {
    /// They are killed and started again.
    Kill,
    /// They are stopped and started again.
    Restart,
    /// They are paused for a moment.
    Pause,
    /// They leave their networks for a moment, so that nothing connects to them.
    Disconnect,
}

impl FaultAction {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Kill, Self::Restart, Self::Pause, Self::Disconnect];

    /// Returns the fault as text shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Disconnect => "disconnect",
        }
    }
}
