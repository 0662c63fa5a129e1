//! The terminal that a command in a container is given: its size, and raw mode, in
//! which every key, Ctrl-C included, is passed on.

use futures_util::{StreamExt, stream, stream::BoxStream};
use kcc_plan::TerminalSize;
use terminal_size::terminal_size;

/// Keeps the terminal in raw mode until it is dropped.
#[derive(Debug)]
pub struct RawMode(());

impl RawMode {
    /// Enters raw mode. In a terminal that refuses, keys arrive line by line.
    pub fn enter() -> Self {
        let _ = crossterm::terminal::enable_raw_mode();
        Self(())
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        leave_raw_mode();
    }
}

/// Leaves raw mode, if the terminal is in it.
pub fn leave_raw_mode() {
    // Nothing is left to try if the terminal is gone.
    let _ = crossterm::terminal::disable_raw_mode();
}

/// Returns the size of the terminal.
pub fn size() -> TerminalSize {
    // The size that terminals have had since the VT100.
    let (columns, rows) = terminal_size().map_or((80, 24), |(columns, rows)| (columns.0, rows.0));
    TerminalSize { columns, rows }
}

/// Returns the size of the terminal each time that it changes.
pub fn sizes(terminal: bool) -> BoxStream<'static, TerminalSize> {
    if !terminal {
        return stream::empty().boxed();
    }
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(changes) = signal(SignalKind::window_change()) else {
            return stream::empty().boxed();
        };
        stream::unfold(changes, |mut changes| async move {
            changes.recv().await?;
            Some((size(), changes))
        })
        .boxed()
    }
    #[cfg(not(unix))]
    stream::empty().boxed()
}
