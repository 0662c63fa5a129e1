//! The simulation of Docker: planner, record and executor against an engine in memory.
//! `KCC_WORLDS` runs that many worlds, `KCC_SEED` the one of a seed.

mod engine;
mod state;
mod system;
mod view;

use kcc_test_engines::simulation::{Mistake, simulate};

use self::state::Docker;

#[test]
fn every_world_converges() {
    if let Err(why) = simulate::<Docker>("docker", Mistake::None) {
        panic!("{why}");
    }
}

/// Checks that the simulation finds each of these mistakes.
#[test]
fn finds_deliberate_mistakes() {
    for mistake in Mistake::ALL {
        assert!(
            simulate::<Docker>("docker", mistake).is_err(),
            "{mistake:?} goes unnoticed"
        );
    }
}
