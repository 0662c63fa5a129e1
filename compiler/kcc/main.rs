//! The command line of kcc.
fn main() {}
