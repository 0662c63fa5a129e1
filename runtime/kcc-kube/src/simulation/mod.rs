//! The simulation of Kubernetes: planner, record and executor against a cluster in
//! memory. `KCC_WORLDS` runs that many worlds, `KCC_SEED` the one of a seed.

mod engine;
mod state;
mod system;
mod view;

use kcc_test_engines::simulation::{Mistake, simulate};

use self::state::Cluster;

#[test]
fn every_world_converges() {
    if let Err(why) = simulate::<Cluster>("kubernetes", Mistake::None) {
        panic!("{why}");
    }
}

/// Checks that the simulation finds each of these mistakes.
#[test]
fn finds_deliberate_mistakes() {
    // The next plan resolves whatever a swallowed error leaves in a cluster.
    let harmful = Mistake::ALL.into_iter();
    for mistake in harmful.filter(|mistake| *mistake != Mistake::SwallowedError) {
        assert!(
            simulate::<Cluster>("kubernetes", mistake).is_err(),
            "{mistake:?} goes unnoticed"
        );
    }
}
