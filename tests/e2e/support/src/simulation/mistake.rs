//! [`Mistake`]: a deliberate mistake of kcc, which the simulation is expected to find.

/// A deliberate mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mistake {
    /// None.
    #[default]
    None,
    /// No intent is written.
    NoIntent,
    /// The inventory is written before the changes, and not after them.
    EarlyInventory,
    /// `down` removes data without the flag.
    DataWithoutFlag,
    /// The fence is not checked.
    NoFence,
    /// A failed call counts as done.
    SwallowedError,
    /// The last call of every operation is left out.
    MissingCall,
}

impl Mistake {
    /// All mistakes.
    pub const ALL: [Self; 6] = [
        Self::NoIntent,
        Self::EarlyInventory,
        Self::DataWithoutFlag,
        Self::NoFence,
        Self::SwallowedError,
        Self::MissingCall,
    ];
}
