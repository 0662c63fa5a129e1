//! Tests the examples on a real Docker engine through the real binary. The shop:
//! three teams' fragments come up in order, stay, change, heal and are taken down.
//! Every other example comes up, stays and is taken down.
//! `kcc_test_engines::docker` says when the tests run.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod canary;
mod cases;
mod drift;
mod example;
mod fields;
mod incidents;
mod kills;
mod lock;
mod outages;
mod sharing;
mod shop;
mod versions;

use std::process::ExitCode;

use kcc_test_engines::{
    docker::Testbed,
    trials::{self, Case},
};

fn main() -> ExitCode {
    let shop = cases::ALL
        .iter()
        .map(|(name, case)| Case::new(*name, move |testbed| case(&shop::Shop::new(testbed, name))));
    let examples = example::ALL.iter().map(|example| {
        Case::new(example.case(), move |testbed| {
            example.comes_up_and_is_removed(testbed);
        })
    });
    let canary = Case::new("a_canary_is_found_only_where_it_is_read", |testbed| {
        canary::is_found_only_where_it_is_read(testbed);
    });
    let killed = Case::new("a_killed_engine_is_survived", |_| {
        outages::a_killed_engine_is_survived();
    });
    let full = Case::new("a_full_engine_is_survived", |_| {
        outages::a_full_engine_is_survived();
    });
    let kills = kills::case();
    // Each case brings up a whole system.
    let lock = Case::new("an_image_is_locked_and_pinned", |testbed| {
        lock::an_image_is_locked_and_pinned(testbed);
    });
    let moved = Case::new("a_pulled_image_that_moved_is_reported", |testbed| {
        lock::a_pulled_image_that_moved_is_reported(testbed);
    });
    let drift = Case::new("changes_by_others_are_found_and_reverted", |testbed| {
        drift::changes_are_found(testbed);
    });
    let fields = Case::new("fields_have_an_effect_in_containers", |testbed| {
        fields::fields_have_an_effect_in_containers(testbed);
    });
    let sharing = Case::new("instances_share_a_database", |testbed| {
        sharing::instances_share_a_database(testbed);
    });
    trials::run(
        Testbed::find,
        Some(2),
        shop.chain(examples)
            .chain([lock, moved, fields, drift, sharing])
            .chain([canary, killed, full])
            .chain(kills)
            .chain(versions::case())
            .chain(incidents::cases()),
    )
}
